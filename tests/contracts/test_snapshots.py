"""The counts in the live view are those of the database at one point in time."""

import dataclasses

from tests.unit.library_fixture import Library, finish_one, result
from tonearm.errors import Failure
from tonearm.events.states import RunState
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.progress.port import RunProgress
from tonearm.resilience.backoff import Backoff
from tonearm.settings import Level
from tonearm.views.snapshots import take_snapshot

BAD = Failure("crashed", "Its process was ended.", "Retry it.", max_attempts=3)
HOPELESS = Failure("not-audio", "This is not music.", "Check what it is.")
NOTHING = {level.label: 0 for level in Level}


def test_an_empty_library_has_nothing_to_show(library: Library) -> None:
    snapshot = take_snapshot(library.database)
    assert (snapshot.queued, snapshot.retrying, snapshot.running, snapshot.unsent) == (NOTHING, 0, 0, 0)
    assert snapshot.runs == ()


def test_waiting_work_is_counted_by_level_and_state(library: Library) -> None:
    run = library.run()
    library.meet(run, b"a.flac", b"b.flac", b"c.flac", level=Level.CRITICAL)
    library.meet(run, b"d.flac", b"e.flac", level=Level.LOW)
    library.take(run)
    SqlJobStore(library.database, library.versions, Backoff(600.0, 600.0), 60).fail(
        library.take(run), BAD, 1.0
    )
    snapshot = take_snapshot(library.database)
    assert snapshot.queued == NOTHING | {"critical": 1, "low": 2}
    assert (snapshot.retrying, snapshot.running) == (1, 1)


def test_a_message_is_unsent_from_when_it_is_due_until_it_is_published(library: Library) -> None:
    library.meet(library.run(), b"a.flac", b"b.flac", b"c.flac")
    library.change("UPDATE jobs SET publish_due_at = NULL")
    assert take_snapshot(library.database).unsent == 0
    library.change("UPDATE jobs SET publish_due_at = 1000 WHERE id = (SELECT min(id) FROM jobs)")
    library.change("UPDATE jobs SET publish_due_at = 9e9 WHERE id = (SELECT max(id) FROM jobs)")
    assert take_snapshot(library.database).unsent == 1


def test_open_runs_show_what_became_of_their_files_so_far(library: Library) -> None:
    first, second = library.run(), library.run()
    library.meet(second, b"a.flac", b"b.flac", b"c.flac", b"d.flac")
    library.runs.count_skipped(second, 2)
    finish_one(library.job_store, library.take(second), result("a"))
    finish_one(library.job_store, library.take(second), result("b", complete=False))
    library.job_store.fail(library.take(second), HOPELESS, 1.0)
    counts = RunProgress(second, "running", 6, 1, 1, 2, 1, 1)
    assert counts.discovered == counts.done + counts.partial + counts.skipped + counts.failed + counts.pending
    runs = take_snapshot(library.database).runs
    empty = RunProgress(first, "running", 0, 0, 0, 0, 0, 0)
    assert tuple(dataclasses.replace(run, outlook=None) for run in runs) == (counts, empty)
    assert [run.outlook and run.outlook.files for run in runs] == [1, 0]


def test_runs_are_shown_for_an_hour_after_they_closed_with_what_they_closed_with(library: Library) -> None:
    run = library.run()
    library.meet(run, b"a.flac")
    finish_one(library.job_store, library.take(run), result())
    library.runs.close(run, RunState.FINISHED)
    library.change("UPDATE jobs SET state = 'queued'")
    assert take_snapshot(library.database).runs == (RunProgress(run, "finished", 1, 1, 0, 0, 0, 0),)
    library.change("UPDATE runs SET finished_at = finished_at - 3700")
    assert take_snapshot(library.database).runs == ()


def test_the_moment_is_told_by_the_databases_clock(library: Library) -> None:
    before = library.rows("SELECT started_at FROM runs WHERE id = :id", id=library.run())[0]["started_at"]
    assert before <= take_snapshot(library.database).at <= before + 60
