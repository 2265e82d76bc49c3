"""A library of the previous identity keeps its results without decoding, but for sounds that were shared wrongly."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from tests.program import until
from tests.unit.library_fixture import (
    DECODED,
    SOUND,
    VERSIONS,
    Library,
    finish_one,
    result,
    write_one_findings,
    write_one_sound,
)
from tonearm.events.states import RunState
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import Result
from tonearm.library.database import Database
from tonearm.library.forget import forget
from tonearm.library.former_identities import FormerIdentity, adopt
from tonearm.library.value_locks import ValueLocks, with_tempo
from tonearm.views.tracks import TrackQuery

ALL = frozenset(VERSIONS)


@pytest.fixture
def library(emptied_database: Database) -> Library:
    """Two files with one sound, and one by itself, stored by the previous version."""
    library = Library(emptied_database)
    run = library.run()
    library.finish(run, b"a.flac", result("old"))
    library.finish(run, b"b.flac", result("old", known=True))
    library.finish(run, b"c.flac", result("alone"))
    library.change("UPDATE files SET engine = replace(engine, 'identity:3 ', 'identity:2 ')")
    return library


def taken(library: Library, *paths: bytes) -> list[Lease]:
    run = library.run()
    library.meet(run, *paths)
    leases = [library.take(run) for _ in paths]
    assert {lease.former_identity for lease in leases} == {2}
    return leases


def known(library: Library, *asked: tuple[Lease, str, str, float | None]) -> list[frozenset[str]]:
    """What need not be measured of files that are called this now, and were called that."""
    former = {present: FormerIdentity(before, exact_s) for _, present, before, exact_s in asked}
    return library.job_store.known_results([(lease, present) for lease, present, _, _ in asked], former)


def stored(library: Library, lease: Lease, present: str, before: str, was_known: bool) -> Result:
    said = replace(result(present, known=was_known), former_hash=before)
    finish_one(library.job_store, lease, said)
    return said


def hash_of(library: Library, path: bytes) -> str:
    [row] = library.rows(
        "SELECT hash FROM audio JOIN files ON audio_id = audio.id WHERE files.path = :path", path=path
    )
    return str(row["hash"])


def test_files_that_have_one_sound_still_keep_its_results(library: Library) -> None:
    a, b, c = taken(library, b"a.flac", b"b.flac", b"c.flac")
    assert known(library, (a, "new", "old", 10.0)) == [ALL]
    stored(library, a, "new", "old", was_known=True)
    assert known(library, (b, "new", "old", 10.0), (c, "solo", "alone", None)) == [ALL, ALL]
    stored(library, b, "new", "old", was_known=True)
    stored(library, c, "solo", "alone", was_known=True)
    assert library.runs.counts(c.run).done == 3
    assert [hash_of(library, path) for path in (b"a.flac", b"b.flac", b"c.flac")] == ["new", "new", "solo"]
    assert len(library.rows("SELECT id FROM analyses")) == 2 * len(VERSIONS)
    assert library.rows("SELECT hash FROM audio_aliases ORDER BY hash") == [
        {"hash": "alone"},
        {"hash": "old"},
    ]


def test_a_sound_that_was_shared_wrongly_is_measured_again_for_both(library: Library) -> None:
    a, b = taken(library, b"a.flac", b"b.flac")
    assert known(library, (a, "new-a", "old", None)) == [ALL]
    stored(library, a, "new-a", "old", was_known=True)
    assert known(library, (b, "new-b", "old", None)) == [frozenset()]
    stored(library, b, "new-b", "old", was_known=False)
    again = library.take(b.run)
    assert (again.path, again.former_identity) == (b"a.flac", None)
    assert library.job_store.known_results([(again, "new-a")]) == [frozenset()]
    finish_one(library.job_store, again, result("new-a", bpm=90.0))
    assert library.job_store.depth(b.run).open == 0
    assert library.job_store.known_results([(b, "new-a"), (b, "new-b")]) == [ALL, ALL]
    counts = library.runs.counts(b.run)
    assert (counts.done, counts.discovered) == (3, 3)


def test_a_sound_that_two_files_call_differently_at_once_is_measured_for_both(library: Library) -> None:
    a, b = taken(library, b"a.flac", b"b.flac")
    assert known(library, (a, "new-a", "old", None), (b, "new-b", "old", None)) == [frozenset(), frozenset()]
    stored(library, a, "new-a", "old", was_known=False)
    assert known(library, (b, "new-b", "old", None)) == [frozenset()]


def test_results_of_another_length_are_not_those_of_a_file(library: Library) -> None:
    [c] = taken(library, b"c.flac")
    assert known(library, (c, "solo", "alone", 3.0)) == [frozenset()]
    assert hash_of(library, b"c.flac") == "alone"


def test_a_sound_that_is_known_by_its_present_hash_stays_apart(library: Library) -> None:
    library.finish(library.run(), b"d.flac", result("new"))
    [a] = taken(library, b"a.flac")
    assert known(library, (a, "new", "old", None)) == [ALL]
    assert hash_of(library, b"a.flac") == "old"


@contextmanager
def meanwhile(library: Library, change: Callable[[Connection], object]) -> Iterator[list[frozenset[str]]]:
    """A worker asks about a.flac while another one has made a change that is not committed yet."""
    [a] = taken(library, b"a.flac")
    answer: list[frozenset[str]] = []
    thread = threading.Thread(target=lambda: answer.extend(known(library, (a, "new", "old", None))))
    waits = (
        "SELECT count(*) AS waiting FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with library.database.write() as connection:
        change(connection)
        thread.start()
        if library.database.shared:  # another connection would wait for the whole transaction
            until(lambda: bool(library.rows(waits)[0]["waiting"]))
    thread.join(60)
    yield answer


def test_a_sound_that_another_worker_stores_by_its_present_hash_just_then_stays_apart(
    library: Library,
) -> None:
    def store(connection: Connection) -> None:
        audio = write_one_sound(connection, "new", SOUND, DECODED, 1.0)
        found = result("new").findings
        write_one_findings(connection, audio, found, 1.0)

    with meanwhile(library, store) as answer:
        assert answer == [ALL]
    assert hash_of(library, b"a.flac") == "old"
    assert library.rows("SELECT adopted_at FROM audio_aliases") == [{"adopted_at": None}]


def test_a_sound_that_another_worker_found_to_be_two_just_then_keeps_its_former_hash(
    library: Library,
) -> None:
    both = {present: FormerIdentity("old") for present in ("new", "other")}
    with meanwhile(library, lambda connection: adopt(connection, both, 1.0)) as answer:
        assert answer == [frozenset()]
    assert hash_of(library, b"a.flac") == "old"


def test_a_file_whose_results_turn_out_to_be_those_of_another_before_it_is_stored_is_measured(
    library: Library,
) -> None:
    a, b = taken(library, b"a.flac", b"b.flac")
    assert known(library, (a, "new-a", "old", None)) == [ALL]
    assert known(library, (b, "new-b", "old", None)) == [frozenset()]
    stored(library, b, "new-b", "old", was_known=False)
    stored(library, a, "new-a", "old", was_known=True)
    again = library.take(b.run)
    assert again.path == b"a.flac"
    finish_one(library.job_store, again, result("new-a", bpm=90.0))
    assert library.job_store.depth(b.run).open == 0
    assert library.job_store.known_results([(b, "new-a"), (b, "new-b")]) == [ALL, ALL]


def test_a_file_whose_sound_is_forgotten_before_it_is_stored_is_measured(library: Library) -> None:
    library.finish(library.run(), b"gone.flac", result("same"))
    run = library.run()
    library.meet(run, b"new.flac")
    lease = library.take(run)
    assert library.job_store.known_results([(lease, "same")]) == [ALL]
    library.change("DELETE FROM analyses WHERE audio_id = (SELECT id FROM audio WHERE hash = 'same')")
    library.change("UPDATE files SET audio_id = NULL WHERE path = :path", path=b"gone.flac")
    for table in library.features.tables:
        library.change(f"DELETE FROM {table.name}")  # noqa: S608  a name of ours
    library.change("DELETE FROM audio WHERE hash = 'same'")
    finish_one(library.job_store, lease, result("same", known=True))
    again = library.take(run)
    assert again.path == b"new.flac"
    assert library.job_store.known_results([(again, "same")]) == [frozenset()]
    finish_one(library.job_store, again, result("same"))
    assert library.job_store.depth(run).open == 0


def test_aliases_are_forgotten_with_their_sound(library: Library) -> None:
    [c] = taken(library, b"c.flac")
    known(library, (c, "solo", "alone", None))
    stored(library, c, "solo", "alone", was_known=True)
    library.files.mark_missing([library.file(b"c.flac")["id"]])
    for run in library.rows("SELECT id FROM runs"):
        library.runs.close(run["id"], RunState.FINISHED)
    forget(library.database, [library.file(b"c.flac")["id"]])
    assert library.rows("SELECT hash FROM audio_aliases") == []


def test_what_is_locked_for_a_sound_stays_for_every_file_that_was_called_so(library: Library) -> None:
    file = library.file(b"a.flac")["id"]
    ValueLocks(library.database, library.features, VERSIONS).change(
        file, lambda counted: with_tempo(counted, 60.0, None, None)
    )
    a, b = taken(library, b"a.flac", b"b.flac")
    assert known(library, (a, "new-a", "old", None)) == [ALL]
    stored(library, a, "new-a", "old", was_known=True)
    assert known(library, (b, "new-b", "old", None)) == [frozenset()]
    stored(library, b, "new-b", "old", was_known=False)
    found = {track.path: (track.results["bpm"], track.locked) for track in library.tracks.each(TrackQuery())}
    assert found[b"/music/a.flac"] == found[b"/music/b.flac"] == (60.0, ("bpm",))
    assert found[b"/music/c.flac"] == (120.0, ())
