"""What a person has locked counts in every table, whatever is stored before, after or at the same time."""

import threading
from typing import Any

import pytest

from tests.unit.library_fixture import VERSIONS, Library, features_of, finish_one, result
from tonearm.errors import NotFound
from tonearm.library.database import Database
from tonearm.library.forget import forget
from tonearm.library.locked_values import Locks
from tonearm.library.value_locks import Counted, LockedSound, ValueLocks, with_key, with_tempo, without_tempo
from tonearm.views.duplicates import duplicates
from tonearm.views.tracks import TrackQuery


def lock(library: Library, file: int, bpm: float = 60.0) -> LockedSound:
    return locking(library).change(file, lambda counted: with_tempo(counted, bpm, None, None))


def locking(library: Library) -> ValueLocks:
    return ValueLocks(library.database, library.features, library.versions)


def bpms(library: Library) -> list[float | None]:
    """What is searched, by sound."""
    table = library.features.columns["bpm"].table.name
    rows = library.rows(f"SELECT bpm FROM {table} ORDER BY audio_id")  # noqa: S608  a name of ours
    return [row["bpm"] for row in rows]


def shown(library: Library, **query: Any) -> list[float | None]:
    return [track.results["bpm"] for track in library.tracks.each(TrackQuery(**query))]


def test_a_lock_counts_until_it_is_removed(library: Library) -> None:
    file = library.finish(library.run(), b"a.flac", result("a", bpm=120.0))
    library.finish(library.run(), b"b.flac", result("b", bpm=90.0))
    assert lock(library, file) == LockedSound("a", Locks(60.0), 1)
    assert (bpms(library), shown(library)) == ([60.0, 90.0], [60.0, 90.0])
    assert shown(library, ranges={"bpm": (50, 70)}) == [60.0]
    locking(library).change(file, lambda counted: with_key(counted, "1A"))
    assert [track.results["key"] for track in library.tracks.each(TrackQuery(keys=("1A",)))] == ["G# minor"]
    left = locking(library).change(file, without_tempo)
    assert left.locks == Locks(camelot="1A")
    assert (bpms(library), shown(library)) == ([120.0, 90.0], [120.0, 90.0])


def test_another_analysis_leaves_it(library: Library) -> None:
    run = library.run()
    file = library.finish(run, b"a.flac", result("a", bpm=120.0))
    lock(library, file)
    library.meet(run, b"a.flac", fresh=True)
    finish_one(library.job_store, library.take(run), result("a", bpm=121.0))
    assert (bpms(library), shown(library)) == ([60.0], [60.0])
    [track] = library.tracks.each(TrackQuery())
    assert (track.locked, track.measured["bpm"]) == (("bpm",), 121.0)


def test_a_new_version_of_the_analyser_has_it_before_anything_is_measured_anew(library: Library) -> None:
    file = library.finish(library.run(), b"a.flac", result("a"))
    library.finish(library.run(), b"b.flac", result("b"))
    lock(library, file)
    newer = Library(library.database, versions=VERSIONS | {"tempo": VERSIONS["tempo"] + 1})
    assert bpms(newer) == [60.0]
    assert sorted(shown(newer), key=str) == [60.0, None]
    locking(newer).change(file, without_tempo)
    assert bpms(newer) == []


def test_a_table_that_is_filled_again_has_it(library: Library) -> None:
    file = library.finish(library.run(), b"a.flac", result("a"))
    lock(library, file)
    for table in library.features.tables:
        library.change(f"DROP TABLE {table.name}")
    features_of(VERSIONS).ensure(library.database)
    assert bpms(library) == [60.0]


def test_storing_waits_for_a_lock_that_is_being_set(library: Library) -> None:
    run = library.run()
    file = library.finish(run, b"a.flac", result("a", bpm=120.0))
    library.meet(run, b"a.flac", fresh=True)
    lease = library.take(run)
    deciding, decided = threading.Event(), threading.Event()

    def decide(counted: Counted) -> Locks:
        deciding.set()
        decided.wait(0.2)  # the other transaction has begun by then, or comes later
        return with_tempo(counted, 60.0, None, None)

    setting = threading.Thread(target=lambda: locking(library).change(file, decide))
    setting.start()
    deciding.wait()
    finish_one(library.job_store, lease, result("a", bpm=121.0))
    setting.join()
    assert (bpms(library), shown(library)) == ([60.0], [60.0])


def test_it_goes_with_the_last_file_of_its_sound(library: Library) -> None:
    file = library.finish(library.run(), b"a.flac", result("a"))
    lock(library, file)
    library.change("UPDATE files SET missing_since = 5")
    library.change("UPDATE runs SET finished_at = 5, state = 'finished'")
    assert forget(library.database, [file]).files == {file}
    assert library.rows("SELECT audio_id FROM locked_values") == []


def test_a_file_without_a_sound_has_none(library: Library) -> None:
    library.meet(library.run(), b"a.flac")
    with pytest.raises(NotFound, match="its sound is not known yet"):
        lock(library, library.file(b"a.flac")["id"])


def test_duplicates_are_found_in_pages(emptied_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(emptied_database)
    run = library.run()
    for name in (b"a.flac", b"b.flac", b"c.flac"):
        library.finish(run, name, result("a", tags={"title": "x"} if name == b"b.flac" else {}))
    library.finish(run, b"single.flac", result("b"))
    monkeypatch.setattr("tonearm.views.duplicates.MANY_AT_ONCE", 2)
    found = [(each.path, each.keep) for each in duplicates(library.database)]
    assert found == [(b"/music/b.flac", True), (b"/music/a.flac", False), (b"/music/c.flac", False)]
    place = library.roots.locate(b"/music/single.flac")
    assert list(duplicates(library.database, place)) == []
