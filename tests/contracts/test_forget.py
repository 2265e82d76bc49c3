"""A forgotten file is removed with all of its rows, and no other row is removed."""

from pathlib import Path

import pytest

from tests.contracts.test_features import migrate
from tests.unit.library_fixture import Library, found, result
from tonearm.events.states import RunState
from tonearm.library.database import REVISION, Database
from tonearm.library.forget import BATCH, count_missing, forget, is_gone, missing_files
from tonearm.library.roots import Place
from tonearm.library.schema import metadata
from tonearm.views.tracks import TrackQuery

OF_FILES = ("files", "tags", "jobs", "history")


def ended(library: Library, *paths: bytes, digest: str | None = None) -> dict[bytes, int]:
    """Files that were analysed in a run that has ended; each of a sound of its own unless one is given."""
    run = library.run()
    files = {
        path: library.finish(run, path, result(digest or path.hex(), inode=found(path).inode))
        for path in paths
    }
    library.runs.close(run, RunState.FINISHED)
    return files


def rows(library: Library, table: str) -> int:
    return int(library.rows(f"SELECT count(*) AS rows FROM {table}")[0]["rows"])  # noqa: S608  names of ours


def place(library: Library, scope: bytes = b"") -> Place:
    return Place(library.root(), b"/music", scope)


def test_a_missing_file_goes_with_everything_that_is_stored_of_it(library: Library) -> None:
    library.root()
    before = {table: rows(library, table) for table in metadata.tables}
    files = ended(library, b"a.flac")
    library.files.mark_missing(list(files.values()))
    removed = forget(library.database, files.values())
    assert (removed.files, removed.audio) == (frozenset(files.values()), 1)
    after = {table: rows(library, table) for table in metadata.tables}
    assert after == before | {"runs": 1, "forgotten_files": 1, "highest_ids": 1}
    assert library.run_list.latest(1)[0].counts.done == 1


def test_a_new_file_never_has_the_number_of_a_forgotten_one(library: Library) -> None:
    files = ended(library, b"a.flac", b"b.flac")
    library.files.mark_missing(list(files.values()))
    for each in sorted(files.values(), reverse=True):
        forget(library.database, [each])
    [new] = ended(library, b"c.flac").values()
    assert new > max(files.values())


def test_new_audio_with_the_number_of_forgotten_audio_has_nothing_of_it(library: Library) -> None:
    files = ended(library, b"a.flac")
    [audio] = library.rows("SELECT id FROM audio")
    library.files.mark_missing(list(files.values()))
    assert forget(library.database, files.values()).audio == 1
    for table in library.features.tables:
        assert rows(library, table.name) == 0
    if library.database.shared:
        library.change("SELECT setval(pg_get_serial_sequence('audio', 'id'), :id, false)", id=audio["id"])
    library.finish(library.run(), b"b.flac", result("b" * 8, findings={}))
    assert library.rows("SELECT id FROM audio") == [audio]
    [track] = library.tracks.each(TrackQuery())
    assert (track.results["bpm"], track.results["key"]) == (None, None)
    assert not list(library.tracks.each(TrackQuery(ranges={"bpm": (0, 999)})))


def test_a_file_that_is_there_is_never_forgotten(library: Library) -> None:
    files = ended(library, b"a.flac", b"b.flac")
    library.files.mark_missing([files[b"a.flac"]])
    assert forget(library.database, files.values()).files == {files[b"a.flac"]}
    assert [row["path"] for row in library.rows("SELECT path FROM files")] == [b"b.flac"]
    assert rows(library, "tags") == rows(library, "jobs") == rows(library, "audio") == 1


def test_audio_that_another_file_has_is_kept_with_its_results(library: Library) -> None:
    files = ended(library, b"a.flac", b"b.flac", digest="same")
    analyses = rows(library, "analyses")
    library.files.mark_missing([files[b"a.flac"]])
    assert forget(library.database, [files[b"a.flac"]]).audio == 0
    assert (rows(library, "audio"), rows(library, "analyses")) == (1, analyses)


def test_audio_is_kept_while_anything_is_analysed_as_that_may_be_the_same(library: Library) -> None:
    files = ended(library, b"a.flac")
    library.files.mark_missing(list(files.values()))
    run = library.run()
    library.meet(run, b"copy of a.flac")
    library.take(run)
    removed = forget(library.database, files.values())
    assert (removed.files, removed.audio) == (frozenset(files.values()), 0)
    assert rows(library, "audio") == 1


def test_the_places_where_a_file_was_before_go_with_it(library: Library) -> None:
    former = ended(library, b"a.flac", digest="same")
    library.files.mark_missing(list(former.values()))
    moved = ended(library, b"b.flac", digest="same")
    library.files.mark_missing(list(moved.values()))
    last = ended(library, b"c.flac", digest="same")
    assert rows(library, "files") == 3
    library.files.mark_missing(list(last.values()))
    assert forget(library.database, last.values()).audio == 1
    assert {table: rows(library, table) for table in OF_FILES} == dict.fromkeys(OF_FILES, 0)


def test_a_file_of_a_run_that_has_not_ended_stays(library: Library) -> None:
    run = library.run()
    file = library.finish(run, b"a.flac", result())
    library.files.mark_missing([file])
    assert forget(library.database, [file]).files == frozenset()
    assert library.runs.counts(run).done == 1
    library.runs.close(run, RunState.FINISHED)
    assert forget(library.database, [file]).files == {file}


def test_missing_files_are_found_by_their_place_and_in_batches(library: Library) -> None:
    run = library.run()
    names = [b"old/%04d.flac" % number for number in range(BATCH + 1)] + [b"older.flac", b"there.flac"]
    library.meet(run, *names)
    library.runs.cancel(run)
    library.runs.close(run, RunState.CANCELLED)
    library.files.mark_missing([library.file(name)["id"] for name in names[:-1]])
    assert count_missing(library.database, place(library)) == BATCH + 2
    assert count_missing(library.database, place(library, b"old")) == BATCH + 1
    met = []
    for batch in missing_files(library.database, place(library, b"old")):
        met += [file.path for file in batch]
        forget(library.database, [file.id for file in batch])
    assert met == names[: BATCH + 1]
    assert {row["path"] for row in library.rows("SELECT path FROM files")} == {b"older.flac", b"there.flac"}


@pytest.mark.parametrize(("name", "gone"), [("there", False), ("nowhere", True), ("there/below", True)])
def test_a_file_is_gone_only_when_that_is_certain(tmp_path: Path, name: str, gone: bool) -> None:
    (tmp_path / "there").touch()
    assert is_gone(bytes(tmp_path / name)) == gone
    assert not is_gone(bytes(tmp_path / ("x" * 300)))  # a name that is too long: the system can't say


def test_ids_that_a_journal_of_an_earlier_version_names_are_given_to_nobody(new_database: Database) -> None:
    library = Library(new_database)
    migrate(library, "0009")
    library.change(
        "INSERT INTO rename_steps (group_id, position, unit, proposal_id, file_id, kind, is_undo, source, target, size,"
        " mtime_ns, inode, state, at) VALUES (1, 0, 0, 41, 31, 'rewrite', :no, :path, :path, 1, 1, 1, 'done', 1)",
        no=False,
        path=b"/music/a",
    )
    migrate(library, REVISION)
    kept = {row["name"]: row["id"] for row in library.rows("SELECT name, id FROM highest_ids")}
    assert kept == {"files": 31, "proposals": 41}
