"""Names are planned, applied and undone alike on every database."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.unit.library_fixture import Library
from tests.unit.naming.collection import Collection
from tonearm.errors import LibraryInUse
from tonearm.library.database import Database
from tonearm.library.proposal import ProposalStatus, Selection
from tonearm.library.rename_journal import Group, Step, StepKind
from tonearm.library.rename_lock import changing, rename_lock


@pytest.fixture
def collection(emptied_database: Database, tmp_path: Path) -> Collection:
    folder = tmp_path / "music"
    folder.mkdir()
    return Collection(Library(emptied_database), folder)


def test_a_batch_is_planned_applied_and_undone(collection: Collection) -> None:
    for path, title in (("a", "b"), ("b", "a"), ("c", "d"), ("d", "e"), ("f", None), ("g", "h"), ("i", "h")):
        collection.put(f"{path}.flac", title=title)
    collection.put(b"\xff.flac", title="not utf-8 before")
    collection.remember()
    before = collection.on_disk()
    plan = collection.plan("{title}")
    codes = {
        path: [each.code for each in row.conflicts] for path, row in collection.batch(plan.batch).items()
    }
    assert {path: found for path, found in codes.items() if found} == {
        b"f.flac": ["unknown-field"],
        b"g.flac": ["duplicate"],
        b"i.flac": ["duplicate"],
    }
    collection.approve(plan.batch)
    outcome = collection.apply(plan.batch)
    assert (outcome.renamed, outcome.refused) == (5, {})
    assert collection.on_disk() == {
        b"a.flac": before[b"b.flac"],
        b"b.flac": before[b"a.flac"],
        b"d.flac": before[b"c.flac"],
        b"e.flac": before[b"d.flac"],
        b"f.flac": before[b"f.flac"],
        b"g.flac": before[b"g.flac"],
        b"i.flac": before[b"i.flac"],
        b"not utf-8 before.flac": before[b"\xff.flac"],
    }
    assert collection.in_library() == collection.on_disk()
    assert collection.undo(plan.batch).renamed == 5
    assert collection.in_library() == collection.on_disk() == before
    assert collection.statuses(plan.batch) == {ProposalStatus.UNDONE: 5, ProposalStatus.PENDING: 3}


def test_what_was_done_and_not_settled_is_settled(collection: Collection) -> None:
    source = collection.put("a.flac", title="b")
    collection.remember()
    plan = collection.plan("{title}")
    collection.approve(plan.batch)
    row = collection.batch(plan.batch)[b"a.flac"]
    assert row.target is not None
    step = Step(StepKind.RENAME, source, row.target, row.identity, 0, 0, row.id, row.file)
    collection.journal.intend(Group(1, [step]))
    os.rename(source, row.target)
    recovered = collection.recover()
    assert (recovered.finished, recovered.taken_back, recovered.left) == (1, 0, [])
    assert collection.in_library() == collection.on_disk()
    assert collection.statuses(plan.batch) == {ProposalStatus.APPLIED: 1}
    assert collection.journal.open_groups() == []


def test_one_process_renames_at_a_time(emptied_database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    folder.mkdir(exist_ok=True)
    with (
        rename_lock(emptied_database, folder),
        pytest.raises(LibraryInUse),
        rename_lock(emptied_database, folder),
    ):
        pass
    with rename_lock(emptied_database, folder):
        pass


def test_it_is_said_while_a_process_renames(emptied_database: Database, tmp_path: Path) -> None:
    folder = tmp_path if emptied_database.shared else Path(emptied_database.address).parent
    assert changing(emptied_database) is None
    with rename_lock(emptied_database, folder):
        process = None if emptied_database.shared else os.getpid()
        assert changing(emptied_database) == {"process": process}
    assert changing(emptied_database) is None


def test_a_row_that_another_process_has_made_at_the_new_path_gives_way(collection: Collection) -> None:
    collection.put("a.flac", title="b")
    collection.remember()
    plan = collection.plan("{title}")
    collection.approve(plan.batch)
    file = collection.library.file(b"a.flac")["id"]
    collection.library.change(
        "INSERT INTO files (root_id, path, size, mtime_ns, inode, extension, state, found_at, remarks)"
        " SELECT root_id, :path, 1, 1, 1, 'flac', 'waiting', 1, '[]' FROM files",
        path=b"b.flac",
    )
    assert collection.apply(plan.batch).renamed == 1
    with collection.library.database.read() as connection:
        rows = connection.execute(text("SELECT id, path FROM files WHERE moved_to_id IS NULL")).all()
    assert [(row.id, bytes(row.path)) for row in rows] == [(file, b"b.flac")]


def test_proposals_are_selected_by_all_conditions(collection: Collection) -> None:
    collection.put("x/a.flac", title="b", year=1)
    collection.put("x/c.flac", title="d", year=1999)
    collection.put("y/e.flac", title="f", year=1999)
    batch = collection.plan("{year} {title}").batch
    inside = os.path.join(bytes(collection.folder), b"x")

    def found(**wanted: object) -> list[bytes]:
        return [os.path.basename(each.source) for each in collection.proposals.each(Selection(**wanted))]  # type: ignore[arg-type]  # as each test gives them

    assert found(batch=batch) == [b"a.flac", b"c.flac", b"e.flac"]
    assert found(batch=batch, below=inside) == [b"a.flac", b"c.flac"]
    assert found(batch=batch, below=inside, least=0.9) == [b"c.flac"]
    assert found(most=0.9) == [b"a.flac"]
    assert found(conflicted=True) == []
    assert found(statuses=(ProposalStatus.APPLIED,)) == []
    assert [len(collection.proposals.page(Selection(), after, 2)) for after in (0, 2, 3)] == [2, 1, 0]
