"""Old rows are deleted in batches, rows that explain the current state are kept, and queries of the queue stay fast."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.unit.library_fixture import Library, finish_one, result
from tonearm.errors import Failure
from tonearm.events.states import RunState
from tonearm.jobs import history_cleanup
from tonearm.jobs.finished_jobs import FinishedJobsCursor
from tonearm.jobs.history_cleanup import History
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.run_counts import RunCounts
from tonearm.jobs.worker_registry import WorkerInstance, WorkerRegistry
from tonearm.library.database import Database
from tonearm.views.workers import WorkerList

HOPELESS = Failure("not-audio", "it is a picture", "look at it")
LONG_AGO_S = 500 * 86_400.0


def grow_old(library: Library) -> None:
    """Let 500 days go by."""
    library.change(
        "UPDATE jobs SET queued_at = queued_at - :s, started_at = started_at - :s, finished_at = finished_at - :s",
        s=LONG_AGO_S,
    )
    library.change("UPDATE attempts SET ended_at = ended_at - :s", s=LONG_AGO_S)
    library.change("UPDATE history SET at = at - :s", s=LONG_AGO_S)


def states(library: Library) -> list[tuple[str, str]]:
    """What jobs there are: the path of the file and the state."""
    rows = library.rows(
        "SELECT files.path, jobs.state FROM jobs JOIN files ON files.id = jobs.file_id ORDER BY files.path, jobs.id"
    )
    return [(bytes(row["path"]).decode(), row["state"]) for row in rows]


def test_old_jobs_go_and_what_explains_the_present_stays(library: Library) -> None:
    run = library.run()
    library.meet(run, b"done", b"partial", b"quarantined", b"waiting")
    for path in (b"done", b"partial", b"quarantined"):
        lease = library.take(run)
        assert lease.path == path
        if path == b"quarantined":
            library.job_store.fail(lease, HOPELESS, 0.0)
        else:
            finish_one(library.job_store, lease, result(path.hex(), complete=path == b"done"))
    library.runs.close(run, RunState.INTERRUPTED)
    counts = library.runs.counts(run)
    History(library.database, 400).prune()
    assert len(states(library)) == 4
    grow_old(library)
    History(library.database, 501).prune()
    assert len(states(library)) == 4
    History(library.database, 400).prune()
    assert states(library) == [
        ("partial", "partial"),
        ("quarantined", "quarantined"),
        ("waiting", "queued"),
    ]
    assert library.rows("SELECT * FROM attempts") == []
    assert library.runs.counts(run) == counts == RunCounts(4, 1, 1, 0, 1, 1)
    assert {job.code for job in library.failed()} == {"incomplete", "not-audio"}
    assert library.take().path == b"waiting"


def test_a_failure_that_a_later_job_has_made_good_goes(library: Library) -> None:
    library.meet(run := library.run(), b"1")
    library.job_store.fail(library.take(run), HOPELESS, 0.0)
    library.meet(again := library.run(), b"1", fresh=True)
    finish_one(library.job_store, library.take(again), result())
    grow_old(library)
    library.change("UPDATE jobs SET finished_at = finished_at + :s WHERE state = 'done'", s=LONG_AGO_S)
    History(library.database, 400).prune()
    assert states(library) == [("1", "done")]


def test_much_is_deleted_in_small_steps_that_pass_over_what_stays(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_cleanup, "BATCH", 3)
    run = library.run()
    library.meet(run, *(b"%02d" % number for number in range(12)))
    for number in range(12):
        if number < 7:
            library.job_store.fail(library.take(run), HOPELESS, 0.0)
        else:
            finish_one(library.job_store, library.take(run), result(str(number)))
    grow_old(library)
    pruned = History(library.database, 400)
    before = [len(states(library))]
    while pruned.prune_batch():
        before.append(len(states(library)))
        assert before[-2] - before[-1] <= 3
    assert [state for _, state in states(library)] == [JobState.QUARANTINED] * 7


def test_history_of_files_and_workers_that_ended_long_ago_go(library: Library) -> None:
    library.finish(library.run(), b"1", result())
    library.files.mark_missing([library.file(b"1")["id"]])
    workers = WorkerRegistry(library.database)
    for name in ("gone", "alive"):
        workers.register(WorkerInstance(name, name, "here", 1, "1.0", 1), 60.0)
    workers.deregister(WorkerInstance("gone", "gone", "here", 1, "1.0", 1))
    grow_old(library)
    library.change("UPDATE workers SET ended_at = ended_at - :s", s=LONG_AGO_S)
    History(library.database, 400).prune()
    assert library.rows("SELECT * FROM history") == []
    assert [worker.name for worker in WorkerList(library.database).page(ended=True)] == ["alive"]
    assert library.file(b"1")["missing_since"] is not None


@pytest.mark.parametrize("emptied_database", ["postgresql"], indirect=True)
def test_one_process_at_a_time_deletes(library: Library) -> None:
    library.finish(library.run(), b"1", result())
    grow_old(library)
    with library.database.write() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": history_cleanup.PRUNING})
        assert not History(library.database, 400).prune_batch()
        assert states(library) == [("1", "done")]
    History(library.database, 400).prune()
    assert states(library) == []


# However much has ended, the queue is read through indexes that hold open jobs alone.


def remember_much(library: Library, jobs: int) -> None:
    """Many jobs that have ended, of one file."""
    run = library.run()
    library.finish(run, b"old", result())
    file = library.file(b"old")["id"]
    library.change(
        "INSERT INTO jobs (file_id, run_id, state, level, level_by, rank, fresh, attempts, uncharged_attempts,"
        " interruptions, queued_at, finished_at, worker, work_s, decoded_s)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :jobs)"
        " SELECT :file, :run, 'done', 2, 'rules', i, :fresh, 1, 0, 0, i, i, 'w', 1.0, 1.0 FROM n",
        jobs=jobs,
        file=file,
        run=run,
        fresh=False,
    )


def plans(library: Library, act: Callable[[], object]) -> list[str]:
    """How the database goes about every statement that something executes on jobs."""
    said: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "jobs" in statement or "attempts" in statement:
            said.append((statement, parameters))

    engines = {library.database._engine, library.database._writes}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN " if library.database.shared else "EXPLAIN QUERY PLAN "
    found = []
    with library.database.write() as connection:
        for statement, parameters in said:
            rows = connection.exec_driver_sql(explain + statement, parameters).all()
            found.append("\n".join(str(row[-1]) for row in rows))
    return found


def test_what_has_ended_is_not_read_when_jobs_are_taken_and_recovered(new_database: Database) -> None:
    library = Library(new_database)
    remember_much(library, 20_000)
    run = library.run()
    library.meet(run, *(b"%d" % number for number in range(20)))
    if library.database.shared:
        library.change("ANALYZE")
    store = library.job_store
    lease = library.take(run)

    def follow() -> None:
        with library.database.read() as connection:
            FinishedJobsCursor(run, "me", from_now=False).read(connection, 1e9)

    acts: dict[Callable[[], object], str] = {
        lambda: store.take("w", None): "ix_jobs_open",
        lambda: store.take("w", run): "ix_jobs_open_of_run",
        store.recover_expired: "ix_jobs_open",
        lambda: store.give_back_except("w", [lease.job]): "ix_jobs_open",
        lambda: store.open_jobs(run): "ix_jobs_open_of_run",
        lambda: store.depth(None): "ix_jobs_open",
        lambda: library.job_list.first(OPEN, None, None, 5): "ix_jobs_open",
        library.runs.close_ended: "ix_jobs_open",
        follow: "ix_jobs_run_id_finished_at",
        History(library.database, 400).prune_batch: "ix_jobs_finished_at",
    }
    for act, index in acts.items():
        found = plans(library, act)
        assert index in "\n".join(found), found
        for plan in found:
            assert "Seq Scan on jobs" not in plan, plan
            assert not any(line.startswith("SCAN jobs") for line in plan.splitlines()), plan
            assert "ANY(" not in plan, plan
