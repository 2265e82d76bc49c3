"""Results that are missing or of other versions than the present ones are counted, listed and taken up."""

import itertools
from collections.abc import Callable, Sequence

import pytest

from tests.unit.library_fixture import Library, finish_one, result, results_of
from tonearm.events.event import Event
from tonearm.jobs.stale_files import StaleFiles
from tonearm.library.content_versions import IDENTITY_VERSION
from tonearm.library.database import Database
from tonearm.library.roots import Place
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan import stale as stale_module
from tonearm.scan.stale import Budget, StaleScan
from tonearm.settings import Level
from tonearm.views.stale import VersionFiles, read_coverage, read_stale
from tonearm.views.tracks import TrackQuery, Tracks

BEFORE = {"tempo": 1, "key": 1}
NOW = {"tempo": 2, "key": 1, "mood": 1}
FILES = (b"a.flac", b"b.flac", b"cd/c.flac", b"cd/d.flac")


@pytest.fixture
def library(emptied_database: Database) -> Library:
    """A library of the present analysers, in which four files were analysed by older ones and one has failed."""
    older = Library(emptied_database, versions=BEFORE)
    run = older.run()
    for path in FILES:
        older.finish(run, path, result(path.decode()))
    older.meet(run, b"waiting.flac")
    return Library(emptied_database, versions=NOW)


def place(library: Library, scope: bytes = b"") -> Place:
    root = library.root()
    return Place(root, b"/music", scope, None, (), b"/music")


def stale_scan(
    library: Library, stopping: Callable[[], bool] = lambda: False, events: list[Event] | None = None
) -> StaleScan:
    announce = (events if events is not None else []).append
    retry = StorageRetry(announce, stopping)
    stale = StaleFiles(library.database, NOW)
    return StaleScan(stale, library.intake, library.runs, announce, stopping, retry)


def enqueued(library: Library, run: int) -> Sequence[bytes]:
    rows = library.rows(
        "SELECT path FROM jobs JOIN files ON files.id = file_id WHERE run_id = :run ORDER BY jobs.id", run=run
    )
    return [bytes(row["path"]) for row in rows]


def test_stale_results_are_counted_by_analyser_and_version(library: Library) -> None:
    coverage = read_stale(library.database, NOW)
    assert coverage.files == len(FILES)
    assert coverage.results == (VersionFiles("mood", 1, None, 4), VersionFiles("tempo", 2, 1, 4))
    without_key = read_stale(library.database, {"tempo": 1})
    assert without_key.results == (VersionFiles("key", None, 1, 4),)
    assert read_stale(library.database, BEFORE).files == 0


def test_files_are_counted_and_listed_by_the_version_of_every_result(library: Library) -> None:
    library.finish(library.run(), b"e.flac", result("e"))
    found = read_coverage(library.database, NOW)
    assert found.files == len(FILES) + 1
    of_analysers = [one for one in found.results if one.analyser in NOW]
    assert of_analysers == [
        VersionFiles("key", 1, 1, 5),
        VersionFiles("mood", 1, None, 4),
        VersionFiles("mood", 1, 1, 1),
        VersionFiles("tempo", 2, 1, 4),
        VersionFiles("tempo", 2, 2, 1),
    ]
    tracks = Tracks(library.database, library.features, results_of(NOW))
    for one in of_analysers:
        assert tracks.count(TrackQuery(measured=(one.analyser, one.found))).number == one.files


def test_another_identity_of_the_sound_makes_results_stale(library: Library) -> None:
    library.change("UPDATE files SET engine = replace(engine, 'identity:', 'identity:9')")
    found = [one for one in read_stale(library.database, BEFORE).results if one.analyser == "identity"]
    assert [(one.version, one.found) for one in found] == [(IDENTITY_VERSION, int(f"9{IDENTITY_VERSION}"))]


def test_files_that_are_missing_are_not_stale(library: Library) -> None:
    library.files.mark_missing([library.file(FILES[0])["id"]])
    assert read_stale(library.database, NOW).files == len(FILES) - 1


def test_tracks_are_listed_by_whether_their_results_are_stale(library: Library) -> None:
    tracks = Tracks(library.database, library.features, results_of(NOW))
    run = library.run()
    stale_scan(library).take_up(run, [place(library, b"a.flac")], Level.BACKGROUND, Budget())
    finish_one(library.job_store, library.take(run), result("a.flac"))
    listed = {track.path: track.stale for track in tracks.each(TrackQuery(stale=True))}
    assert listed == {b"/music/" + path: {"tempo": 1, "mood": None} for path in FILES[1:]}
    assert tracks.count(TrackQuery(stale=True)).number == 3
    assert next(iter(tracks.each(TrackQuery()))).stale == {}


def test_stale_files_are_enqueued_at_the_level_that_is_asked_for(library: Library) -> None:
    run = library.run()
    assert stale_scan(library).take_up(run, [place(library)], Level.BACKGROUND, Budget()) == len(FILES)
    assert enqueued(library, run) == list(FILES)
    levels = library.rows("SELECT DISTINCT level, level_by, fresh FROM jobs WHERE run_id = :r", r=run)
    assert [(row["level"], row["level_by"], bool(row["fresh"])) for row in levels] == [(4, "person", False)]
    counts = library.runs.counts(run)
    assert (counts.discovered, counts.pending) == (4, 4)


def test_a_file_that_waits_already_keeps_its_job_and_its_level(library: Library) -> None:
    before = library.run()
    library.meet(before, FILES[0], level=Level.HIGH)
    run = library.run()
    assert stale_scan(library).take_up(run, [place(library)], Level.BACKGROUND, Budget()) == 3
    assert enqueued(library, before)[-1] == FILES[0]


def test_only_files_at_the_places_are_taken_up_and_no_more_than_the_budget(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale_module, "BATCH", 1)
    run = library.run()
    scan = stale_scan(library)
    assert scan.take_up(run, [place(library, b"cd")], Level.BACKGROUND, Budget(files=1)) == 1
    assert scan.take_up(run, [place(library)], Level.BACKGROUND, Budget(files=2)) == 2
    assert enqueued(library, run) == [b"cd/c.flac", b"a.flac", b"b.flac"]


def test_nothing_more_is_taken_up_after_the_time(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale_module, "FIRST", 1)
    monkeypatch.setattr(stale_module, "LOOK_S", 0.01)
    run = library.run()
    taken = stale_scan(library).take_up(run, [place(library)], Level.BACKGROUND, Budget(seconds=0.05))
    assert taken == 1, "the first file was not analysed meanwhile"


def test_with_a_limited_time_more_is_taken_up_as_files_end(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale_module, "FIRST", 1)
    monkeypatch.setattr(stale_module, "LOOK_S", 0.0)
    run = library.run()

    def analyse() -> bool:
        for lease in library.job_store.take("worker", run):
            finish_one(library.job_store, lease, result(lease.path.decode()))
        return False

    taken = stale_scan(library, analyse).take_up(run, [place(library)], Level.BACKGROUND, Budget(seconds=60))
    assert taken == len(FILES)
    analyse()
    assert read_stale(library.database, NOW).files == 0


def test_a_stop_leaves_the_rest_stale(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale_module, "BATCH", 1)
    looks = itertools.chain([False, False], itertools.repeat(True))
    run = library.run()
    scan = stale_scan(library, lambda: next(looks))
    assert scan.take_up(run, [place(library)], Level.BACKGROUND, Budget()) == 2
    assert read_stale(library.database, NOW).files == len(FILES)
