"""The outcome and the stage times of every attempt are stored, however the attempt ended."""

import time
from typing import Any

import pytest
from sqlalchemy import select

from tests.unit.library_fixture import WORKER, Library, finish_one, found, result
from tonearm.errors import Failure
from tonearm.jobs.history_cleanup import History
from tonearm.jobs.lease import Lease
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.library.schema import attempt_table
from tonearm.resilience.backoff import Backoff

BAD = Failure("crashed", "Its process was ended.", "Retry it.", max_attempts=3)
HOPELESS = Failure("not-audio", "This is not music.", "Check what it is.")


def taken(library: Library, *paths: bytes) -> list[Lease]:
    """These files' jobs, which waited 20 s before they were taken."""
    run = library.run()
    library.meet(run, *paths)
    library.change("UPDATE jobs SET queued_at = queued_at - 20")
    return [library.take(run) for _ in paths]


def attempts(library: Library) -> list[dict[str, Any]]:
    return library.rows("SELECT * FROM attempts ORDER BY job_id, number")


def timings(library: Library) -> dict[str, float]:
    with library.database.read() as connection:
        found: dict[str, float] = connection.execute(select(attempt_table.c.timings)).scalar_one()
    return found


def one(library: Library) -> dict[str, Any]:
    [row] = attempts(library)
    return row


def test_an_attempt_that_runs_has_no_row(library: Library) -> None:
    taken(library, b"a")
    assert attempts(library) == []


def test_a_finished_attempt_says_where_its_time_went(library: Library) -> None:
    [lease] = taken(library, b"a")
    ended_at = time.monotonic() - 30
    finish_one(
        library.job_store,
        lease,
        result(work_s=2.5, timings={"identify": 0.5, "decode": 2.0}, ended_at=ended_at),
    )
    row, job = one(library), library.job(lease.job)
    assert (row["job_id"], row["number"], row["worker"]) == (lease.job, 1, WORKER)
    assert (row["outcome"], row["code"], bool(row["charged"])) == ("done", None, True)
    assert (row["taken_at"], row["ended_at"]) == (job["started_at"], job["finished_at"])
    assert 20 <= row["queue_wait_s"] < 50
    assert row["run_s"] == 2.5
    assert 30 <= row["store_s"] < 60
    assert timings(library) == {"identify": 0.5, "decode": 2.0}


def test_each_of_many_that_are_stored_together_has_its_row(library: Library) -> None:
    leases = taken(library, b"a", b"b", b"c")
    results = [result("a"), result("b", complete=False), result("a")]
    library.job_store.finish(list(zip(leases, results, strict=True)))
    assert [(row["job_id"], row["outcome"]) for row in attempts(library)] == [
        (leases[0].job, "done"),
        (leases[1].job, "partial"),
        (leases[2].job, "done"),
    ]


def test_a_failed_attempt_keeps_the_stages_that_it_reached(library: Library) -> None:
    [lease] = taken(library, b"a")
    library.job_store.fail(lease, BAD, 3.0, {"identify": 1.0, "decode": 2.0}, time.monotonic() - 5)
    row = one(library)
    assert (row["outcome"], row["code"], bool(row["charged"])) == ("failed", BAD.code, True)
    assert row["run_s"] == 3.0
    assert 5 <= row["store_s"] < 35
    assert timings(library) == {"identify": 1.0, "decode": 2.0}


def test_a_retry_waits_from_when_it_may_be_taken_again(library: Library) -> None:
    store = SqlJobStore(library.database, library.versions, Backoff(60.0, 60.0), 60)
    [lease] = taken(library, b"a")
    store.fail(lease, BAD, 1.0)
    assert library.job(lease.job)["queued_at"] == library.job(lease.job)["not_before"]
    library.change("UPDATE jobs SET not_before = not_before - 100, queued_at = queued_at - 100")
    again = library.take(lease.run)
    assert again.attempt == 2
    assert 39 <= again.waited_s < 115  # it may be taken again after at most 60 s
    store.fail(again, HOPELESS, 1.0)
    assert [row["number"] for row in attempts(library)] == [1, 2]
    assert attempts(library)[1]["queue_wait_s"] == pytest.approx(again.waited_s)


@pytest.mark.parametrize(
    ("end", "outcome", "code"),
    [
        (lambda store, lease: store.give_back([lease], work_s={lease.job: 4.0}), "returned", None),
        (lambda store, lease: store.cancel(lease, HOPELESS, 4.0), "cancelled", HOPELESS.code),
    ],
)
def test_an_attempt_that_is_not_charged_is_recorded_too(
    library: Library, end: Any, outcome: str, code: str | None
) -> None:
    [lease] = taken(library, b"a")
    end(library.job_store, lease)
    row = one(library)
    assert (row["outcome"], row["code"], bool(row["charged"]), row["run_s"]) == (outcome, code, False, 4.0)
    assert 20 <= row["queue_wait_s"] < 50


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (lambda store: len(store.recover_worker(WORKER)), "interrupted"),
        (lambda store: store.give_back_except(WORKER, []), "returned"),
    ],
)
def test_an_attempt_whose_worker_did_not_live_to_tell_is_recorded_by_who_finds_out(
    library: Library, end: Any, outcome: str
) -> None:
    [lease] = taken(library, b"a")
    started_at = library.job(lease.job)["started_at"]
    assert end(library.job_store) == 1
    row = one(library)
    assert (row["worker"], row["outcome"], bool(row["charged"])) == (WORKER, outcome, False)
    assert (row["run_s"], row["store_s"]) == (None, None)
    assert row["taken_at"] == started_at <= row["ended_at"]
    assert 20 <= row["queue_wait_s"] < 50


def test_what_is_stored_late_by_another_has_no_row(library: Library) -> None:
    [lease] = taken(library, b"a")
    library.job_store.recover_worker(WORKER)
    before = attempts(library)
    assert library.job_store.fail(lease, BAD, 1.0) is None
    library.job_store.give_back([lease])
    library.job_store.cancel(lease, HOPELESS)
    assert finish_one(library.job_store, lease, result()) is None
    assert attempts(library) == before


def test_a_result_that_cannot_be_stored_is_one_failed_attempt(library: Library) -> None:
    [lease] = taken(library, b"a")
    finish_one(library.job_store, lease, result(tags={"year": 1 << 70}))
    assert (one(library)["outcome"], one(library)["code"]) == ("failed", "unstorable")


def test_attempts_are_pruned_with_their_jobs(library: Library) -> None:
    for lease in taken(library, b"a", b"b"):
        finish_one(library.job_store, lease, result(lease.path.decode()))
    library.change("UPDATE jobs SET finished_at = finished_at - 500 * 86400.0 WHERE id = 1")
    History(library.database, 400).prune()
    assert [row["job_id"] for row in attempts(library)] == [2]


def test_one_correlation_id_from_the_scan_to_the_result(library: Library) -> None:
    run = library.run()
    library.meet(run, found(b"a"))
    [row] = library.rows("SELECT correlation_id FROM jobs")
    lease = library.take(run)
    assert lease.ref.correlation_id == lease.correlation_id == row["correlation_id"]
    library.job_store.fail(lease, HOPELESS, 1.0)
    assert library.job(lease.job)["correlation_id"] == row["correlation_id"]
    [shown] = library.failed()
    assert shown.correlation_id == row["correlation_id"]
