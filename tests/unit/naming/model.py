"""A model of batches of renames: which files get their wanted names, whatever the others want."""

import os
from collections.abc import Mapping
from pathlib import Path

from hypothesis import strategies as st

from tests.unit.library_fixture import Library
from tests.unit.naming.collection import Collection
from tonearm.library.proposal import ProposalStatus
from tonearm.naming.destination import Destination
from tonearm.naming.planner import Mode

FOLDERS, STEMS = ("x", "y", "x/z"), ("a", "b", "c", "d", "e")
PATHS = st.sampled_from([f"{folder}/{stem}" for folder in FOLDERS for stem in STEMS])
BATCHES = st.tuples(st.dictionaries(PATHS, PATHS, min_size=1, max_size=10), st.sets(PATHS, max_size=3))
"""Wanted paths by present ones, and the paths of files that the library does not know."""
Batch = tuple[dict[str, str], set[str]]


def expected(wanted: Mapping[str, str], strangers: set[str]) -> set[str]:
    """The present paths of those files that can get their wanted path."""
    going = {path for path, target in wanted.items() if path != target}
    targets = list(wanted.values())
    staying = strangers | (wanted.keys() - going)
    going = {path for path in going if targets.count(wanted[path]) == 1}
    stuck: set[str] = {path for path in wanted if path not in going} | staying
    while more := {path for path in going if wanted[path] in stuck}:
        going -= more
        stuck |= more
    return going


def check(library: Library, destination: Destination | None, folder: Path, batch: Batch) -> None:
    """Plan a batch in an empty folder, apply it and undo it; files and rows must do what the model says."""
    wanted, strangers = batch[0], batch[1] - batch[0].keys()
    collection = Collection(library, folder, destination)
    for path, target in wanted.items():
        album, title = os.path.split(target)
        first, _, second = album.partition("/")
        collection.put(f"{path}.flac", title=title, album=first, artist=second or None)
    for path in strangers:
        collection.write(f"{path}.flac", b"stranger " + path.encode())
    collection.remember()
    before, rows_before = collection.on_disk(), collection.in_library()

    plan = collection.plan("{album}/<{artist}/>{title}", Mode.MOVE)
    collection.approve(plan.batch)
    outcome = collection.apply(plan.batch)

    moved = expected(wanted, strangers)
    after = {
        (f"{wanted[name]}.flac" if (name := path.decode()[:-5]) in moved else f"{name}.flac").encode(): text
        for path, text in before.items()
    }
    assert collection.on_disk() == after
    assert collection.in_library().items() <= after.items()
    assert len(collection.in_library()) == len(wanted)
    assert (outcome.renamed, outcome.refused) == (len(moved), {})
    assert collection.statuses(plan.batch).get(ProposalStatus.APPLIED, 0) == len(moved)

    undone = collection.undo(plan.batch)
    assert (undone.renamed, undone.refused) == (len(moved), {})
    assert collection.on_disk() == before
    assert collection.in_library() == rows_before
