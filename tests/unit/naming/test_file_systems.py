"""What a file system does with names is found by trying, and names are planned and applied accordingly."""

import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.folding_folder import folding
from tests.unit.library_fixture import Library
from tests.unit.naming.collection import Collection
from tonearm.library.proposal import FileStamp, ProposalStatus
from tonearm.library.rename_journal import Group, Step, StepKind
from tonearm.naming import destination
from tonearm.naming.name_rules import STRICTEST, LengthUnit, NameRules, RenameMethod
from tonearm.naming.order import temporary_path, units
from tonearm.naming.requests import approved
from tonearm.naming.trial import TRIAL, trial_folder, tried

Make = Callable[..., Collection]


@pytest.fixture
def on_folder(library: Library, tmp_path: Path) -> Iterator[Make]:
    """Makes a collection on a file system with some rules."""
    with ExitStack() as mounted:

        def make(*rules: str) -> Collection:
            where = mounted.enter_context(folding(tmp_path / "below", tmp_path / "music", *rules))
            return Collection(library, where)

        yield make


def codes(collection: Collection, batch: int) -> dict[bytes, list[str]]:
    return {path: [each.code for each in row.conflicts] for path, row in collection.batch(batch).items()}


def test_a_file_system_of_this_machine_tells_every_name_apart(tmp_path: Path) -> None:
    rules = tried(trial_folder(bytes(tmp_path)))
    assert (rules.folds_case, rules.folds_form, rules.stored_form) == (False, False, None)
    assert (rules.longest, rules.unit, rules.any_bytes) == (255, LengthUnit.BYTES, True)
    assert (rules.refused, rules.refused_names, rules.refuses_end) == (frozenset(), frozenset(), False)
    assert (rules.method, rules.hard_links, rules.writable) == (RenameMethod.NO_REPLACE, True, True)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_can_not_be_written_is_taken_for_the_strictest() -> None:
    rules = tried(trial_folder(b"/proc"))
    assert not rules.writable
    assert rules.folds_case


def test_a_folder_that_can_not_be_written_is_tried_once(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[bytes] = []

    def refuse(place: bytes) -> NameRules:
        places.append(place)
        return STRICTEST

    monkeypatch.setattr(destination, "tried", refuse)
    for path in ("a", "b", "x/c", "x/d"):
        collection.put(f"{path}.flac", title=f"{path[-1]} new")
    collection.plan("{title}")
    assert sorted(map(os.path.dirname, places)) == [bytes(collection.folder), bytes(collection.folder / "x")]


@pytest.mark.parametrize(
    ("refused", "method"),
    [
        ((), RenameMethod.NO_REPLACE),
        (("noflags",), RenameMethod.LINK),
        (("noflags", "nolinks"), RenameMethod.NONE),
    ],
)
def test_a_folding_file_system_is_recognised(
    on_folder: Make, refused: tuple[str, ...], method: RenameMethod
) -> None:
    collection = on_folder("fold", "nfd", "short", *refused)
    rules = tried(trial_folder(bytes(collection.folder)))
    assert (rules.folds_case, rules.folds_form, rules.stored_form) == (True, True, "NFD")
    assert (rules.longest, rules.unit) == (60, LengthUnit.UTF16)
    assert rules.method is method
    assert os.listdir(collection.folder) == []


@pytest.mark.parametrize("refused", [(), ("noflags",)])
def test_names_on_a_folding_file_system(on_folder: Make, refused: tuple[str, ...]) -> None:
    collection = on_folder("fold", "nfd", "short", *refused)
    wanted = {
        "case": "CASE",
        "caf\u00e9": "cafe 2",
        "one": "tw\u00f6",
        "same a": "Twice",
        "same b": "tWICE",
        "swap 1": "SWAP 2",
        "swap 2": "Swap 1",
        "taken": "STAYS",
        "stays": "stays",
        "long": "x" * 90,
    }
    for path, title in wanted.items():
        stored = unicodedata.normalize("NFD", path)
        collection.put(f"{stored}.flac", title=title)
    collection.remember()
    before = collection.on_disk()
    plan = collection.plan("{title}")
    assert {path.decode(): found for path, found in codes(collection, plan.batch).items() if found} == {
        "same a.flac": ["duplicate"],
        "same b.flac": ["duplicate"],
        "taken.flac": ["destination-exists"],
    }
    collection.approve(plan.batch)
    assert collection.apply().refused == {}
    names = {path.decode() for path in collection.on_disk()}
    assert names == {
        "CASE.flac",
        "cafe 2.flac",
        unicodedata.normalize("NFD", "tw\u00f6.flac"),
        "same a.flac",
        "same b.flac",
        "SWAP 2.flac",
        "Swap 1.flac",
        "taken.flac",
        "stays.flac",
        "x" * 55 + ".flac",
    }
    assert collection.in_library() == collection.on_disk()
    assert collection.undo(plan.batch).refused == {}
    assert collection.in_library() == collection.on_disk() == before


def test_a_folder_is_called_by_the_name_that_it_has(on_folder: Make) -> None:
    collection = on_folder("fold")
    collection.put("Artist/a.flac", title="b", artist="ARTIST")
    collection.put("c.flac", title="d", artist="artist")
    collection.put("e.flac", title="f", artist="New")
    collection.put("g.flac", title="h", artist="NEW")
    collection.remember()
    plan = collection.plan("{artist}/{title}")
    collection.approve(plan.batch)
    assert collection.apply().refused == {}
    assert set(collection.on_disk()) == {b"Artist/b.flac", b"Artist/d.flac", b"New/f.flac", b"New/h.flac"}
    assert collection.in_library() == collection.on_disk()


def test_where_nothing_keeps_from_overwriting_nothing_is_renamed(on_folder: Make) -> None:
    collection = on_folder("noflags", "nolinks")
    collection.put("a.flac", title="b")
    batch = collection.plan("{title}").batch
    assert codes(collection, batch) == {b"a.flac": ["no-safe-rename"]}
    collection.approve(batch)
    assert collection.statuses(batch) == {ProposalStatus.PENDING: 1}


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_change_of_case_that_was_killed_is_finished_or_was_not_begun(on_folder: Make, done: int) -> None:
    collection = on_folder("fold")
    collection.put("a.flac", title="A")
    collection.remember()
    plan = collection.plan("{title}")
    collection.approve(plan.batch)
    [unit] = units(approved(collection.proposals, plan.batch), temporary_path)
    steps = [
        Step(
            StepKind.RENAME,
            each.source,
            each.target,
            each.move.identity,
            n,
            0,
            each.move.proposal,
            each.move.file,
        )
        for n, each in enumerate(unit)
    ]
    assert len(steps) == 2
    collection.journal.intend(Group(7, steps))
    for step in steps[:done]:
        os.rename(step.source, step.target)
    collection.recover()
    assert set(collection.on_disk()) == {b"A.flac" if done else b"a.flac"}
    assert collection.in_library() == collection.on_disk()
    assert collection.journal.open_groups() == []


def test_the_folder_of_a_trial_that_was_killed_is_removed(collection: Collection) -> None:
    place = os.path.join(bytes(collection.folder), TRIAL + b"0011")
    os.mkdir(place)
    Path(os.fsdecode(place), "plain").write_bytes(b"")
    host = os.uname().nodename.encode()
    step = Step(StepKind.TRY, host + b":4194305", place, FileStamp(0, 0, 0))
    collection.journal.intend(Group(8, [step]))
    collection.recover()
    assert collection.folders() == set()
    assert collection.journal.open_groups() == []
