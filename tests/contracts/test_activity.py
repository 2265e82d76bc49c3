"""What goes on in a library is read as it is, on either database, for one host and for many."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.test_history import plans
from tests.unit.library_fixture import WORKER, Library, finish_one, result
from tonearm.errors import Failure
from tonearm.events.states import RunState
from tonearm.jobs.worker_registry import Heartbeat, WorkerInstance, WorkerRegistry
from tonearm.library.database import open_sqlite
from tonearm.library.process_lock import exclusive_lock
from tonearm.progress.port import RunningFile
from tonearm.settings import Level
from tonearm.views.activity import read_activity

PICTURE = Failure("not-audio", "it is a picture", "look at it")


@pytest.fixture(params=["sqlite", "postgresql"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Library]:
    """An empty library, on SQLite and then on PostgreSQL; somebody is at work."""
    if request.param == "postgresql":
        shared = Library(request.getfixturevalue("emptied_postgres"))
        workers = WorkerRegistry(shared.database)
        instance = WorkerInstance(WORKER, "1", "here", 1, "1.0", 2)
        workers.register(instance, 60.0)
        running = [{"job": 7, "path": "/music/3", "stage": "decode", "for_s": 2.0}]
        workers.heartbeat(instance, Heartbeat(1, 1, running, {"RabbitMQ": "open"}))
        yield shared
        return
    database = open_sqlite(tmp_path / "library")
    with exclusive_lock(tmp_path / "library"):
        yield Library(database)
    database.close()


@pytest.fixture
def at_work(library: Library) -> Library:
    """One file is done, one failed, one is running, and two wait at different levels."""
    run = library.run()
    library.meet(run, b"1", b"2", b"3")
    finish_one(library.job_store, library.take(run), result("1"))
    library.job_store.fail(library.take(run), PICTURE, 0.0)
    library.take(run)
    library.meet(run, b"4", level=Level.HIGH)
    library.meet(run, b"5", level=Level.LOW)
    return library


def test_everything_is_told_in_one_reading(at_work: Library) -> None:
    now = read_activity(at_work.database, None)
    assert now.analysing
    assert {level.label: now.waiting(level.label) for level in Level if now.waiting(level.label)} == {
        "high": 1,
        "low": 1,
    }
    assert [(run.counts.done, run.counts.failed, run.counts.pending) for run in now.runs] == [(1, 1, 3)]
    assert [(file.path, file.worker) for file in now.files] == [(b"/music/3", WORKER)]
    assert [failure.path for failure in now.failures] == [b"/music/2"]
    assert {window_s: round(rate.files * window_s) for window_s, rate in now.rates.items()} == {
        60: 2,
        300: 2,
        900: 2,
    }
    assert [round(rate.failed * window_s) for window_s, rate in now.rates.items()] == [1, 1, 1]
    assert [round(rate.audio_s * window_s) for window_s, rate in now.rates.items()] == [10, 10, 10]
    assert (now.process is None) == at_work.database.shared
    assert [worker.breakers for worker in now.workers] == [{"RabbitMQ": "open"}] * at_work.database.shared


def test_rates_are_those_of_their_spans(at_work: Library) -> None:
    at_work.change("UPDATE jobs SET finished_at = finished_at - 200 WHERE state = 'done'")
    at_work.change("UPDATE jobs SET finished_at = finished_at - 600 WHERE state = 'quarantined'")
    rates = read_activity(at_work.database, None).rates
    assert [round(rate.files * window_s) for window_s, rate in rates.items()] == [0, 1, 2]


def test_the_history_has_what_ended_in_each_half_minute(at_work: Library) -> None:
    at_work.change(
        "UPDATE jobs SET finished_at = finished_at + 60 WHERE state = 'done'"
    )  # a clock was set back
    at_work.change("UPDATE jobs SET finished_at = finished_at - 75 WHERE state = 'quarantined'")
    told = read_activity(at_work.database, None).to_json()["history"]
    assert (told["span_s"], len(told["files"])) == (30, 30)
    assert told["files"][-4:] == [0, 1, 0, 1]
    assert sum(told["files"]) == 2


def test_the_queue_is_drained_level_by_level_at_the_present_pace(at_work: Library) -> None:
    at_work.change("UPDATE runs SET started_at = started_at - 100")
    drain_s = read_activity(at_work.database, None).drain_s()
    pace = 2 / 100  # two files since the run began
    assert drain_s["critical"] == pytest.approx(0.0)
    assert drain_s["high"] == pytest.approx(1 / pace, rel=0.1)
    assert drain_s["background"] == pytest.approx(3 / pace, rel=0.1)
    at_work.change("UPDATE jobs SET finished_at = finished_at - 1000 WHERE finished_at IS NOT NULL")
    assert set(read_activity(at_work.database, None).drain_s().values()) == {None}


def test_jobs_of_paused_runs_are_not_drained(at_work: Library) -> None:
    [run] = read_activity(at_work.database, None).runs
    at_work.runs.pause(run.id)
    now = read_activity(at_work.database, None)
    assert now.waiting("high") == 0
    assert now.to_json()["queue"][1]["paused"] == 1


def test_the_live_view_knows_best_what_is_running(at_work: Library) -> None:
    file = RunningFile("w2", 3, 1, b"/music/x", "mp3", 10, "decode", 0.5, 1, 4.0)
    [seen] = read_activity(at_work.database, [file]).files
    assert (seen.worker, seen.path, seen.fraction, seen.for_s) == ("w2", b"/music/x", 0.5, 4.0)


def test_reading_leaves_alone_what_has_ended(at_work: Library) -> None:
    earlier = at_work.run()
    at_work.runs.close(earlier, RunState.FINISHED)
    at_work.change(
        "INSERT INTO jobs (file_id, run_id, state, level, level_by, rank, fresh, attempts, uncharged_attempts,"
        " interruptions, queued_at, finished_at, worker, work_s, decoded_s)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
        " SELECT 1, :run, 'done', 2, 'rules', i, :fresh, 1, 0, 0, i, i, 'w', 1.0, 1.0 FROM n",
        fresh=False,
        run=earlier,
    )
    if at_work.database.shared:
        at_work.change("ANALYZE")
    for plan in plans(at_work, lambda: read_activity(at_work.database, None)):
        assert "Seq Scan on jobs" not in plan, plan
        assert not any(line.startswith("SCAN jobs") and "INDEX" not in line for line in plan.splitlines()), (
            plan
        )
