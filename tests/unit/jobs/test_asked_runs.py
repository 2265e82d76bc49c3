"""A run that is asked for is taken up once, with everything that was said of it, and stays open until then."""

from tests.unit.library_fixture import Library
from tonearm.jobs.asked_runs import AskedRun, AskedRuns, ScanRequest
from tonearm.settings import Level


def test_a_run_is_taken_up_once_as_it_was_asked_for(library: Library) -> None:
    asked = AskedRuns(library.database)
    assert asked.take_up() is None
    wanted = ScanRequest(Level.HIGH, fresh=True, files=3, patterns={"include": ["*.mp3"]})
    first = asked.ask([b"/music/caf\xe9"], wanted)
    second = asked.ask([], ScanRequest(adopts=True))
    assert asked.take_up() == AskedRun(first, (b"/music/caf\xe9",), wanted)
    assert asked.take_up() == AskedRun(second, (), ScanRequest(adopts=True))
    assert asked.take_up() is None


def test_it_is_not_closed_before_it_was_taken_up(library: Library) -> None:
    asked = AskedRuns(library.database)
    run = asked.ask([b"/music"], ScanRequest())
    library.change("UPDATE runs SET seen_at = 0")
    assert library.runs.close_ended() == []
    asked.take_up()
    library.runs.mark_scanned(run)
    assert not asked.progress(run).finished
    assert library.runs.close_ended() == [run]
    assert asked.progress(run).finished


def test_a_cancelled_run_is_not_taken_up(library: Library) -> None:
    asked = AskedRuns(library.database)
    library.runs.cancel(asked.ask([b"/music"], ScanRequest()))
    assert asked.take_up() is None
