"""Files are tried, counted, retried and quarantined as documented, and no late write changes that."""

import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.library_fixture import (
    AT_ONCE,
    VERSIONS,
    WORKER,
    Library,
    finish_one,
    found,
    result,
    stored_one,
    take_one,
)
from tonearm.errors import Failure
from tonearm.jobs.failures import GONE, INTERRUPTED
from tonearm.jobs.job_sql import FILE_VERSIONS, engine_text, versions_in
from tonearm.jobs.lease import Lease
from tonearm.jobs.retry import MAX_INTERRUPTIONS, retry_after
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.resilience.backoff import Backoff
from tonearm.settings import Level
from tonearm.views.tracks import TrackQuery

FLAKY = Failure("read-error", "the cable is loose", "plug it in", max_attempts=3)
HOPELESS = Failure("not-audio", "it is a picture", "look at it")


def leased(library: Library, *paths: bytes) -> list[Lease]:
    run = library.run()
    library.meet(run, *(paths or (b"1.flac",)))
    return [library.take(run) for _ in paths or (b"1.flac",)]


def patient(library: Library) -> SqlJobStore:
    """A job store whose back-offs are longer than a test."""
    return SqlJobStore(library.database, VERSIONS, Backoff(1e9, 1e9), 60)


def everything(library: Library) -> dict[str, Any]:
    return {
        table: library.rows(f"SELECT * FROM {table}")  # noqa: S608  our own names
        for table in ("jobs", "files", "audio", "tags", "analyses", "history")
    }


def test_a_taken_job_says_all_a_worker_needs(library: Library) -> None:
    run = library.run()
    library.meet(run, found(b"cd/K\xf6ln.flac", size=4321), level=Level.HIGH, fresh=True)
    library.change("UPDATE jobs SET queued_at = queued_at - 5")
    lease = library.take(run)
    row = library.job(lease.job)
    assert lease == Lease(
        job=lease.job,
        attempt=1,
        worker=WORKER,
        run=run,
        file=library.rows("SELECT id FROM files")[0]["id"],
        root_id=library.root(),
        root=b"/music",
        path=b"cd/K\xf6ln.flac",
        size=4321,
        extension="flac",
        level=Level.HIGH,
        fresh=True,
        correlation_id=row["correlation_id"],
        taken_at=row["started_at"],
        waited_s=row["started_at"] - row["queued_at"],
    )
    assert 5 <= lease.waited_s < 65
    assert re.fullmatch("[0-9a-f]{32}", lease.correlation_id)


def test_an_attempt_is_counted_before_it_begins(library: Library) -> None:
    [lease] = leased(library)
    row = library.job(lease.job)
    assert (row["state"], row["attempts"], row["worker"], row["stage"]) == ("running", 1, WORKER, "start")
    assert row["lease_until"] - row["started_at"] == pytest.approx(60)


def test_a_job_is_taken_once(library: Library) -> None:
    [lease] = leased(library)
    assert take_one(library.job_store, "other", None) is None
    assert take_one(library.job_store, WORKER, lease.run) is None


def test_a_worker_of_one_run_takes_nothing_of_another(library: Library) -> None:
    library.meet(library.run(), b"1.flac")
    assert take_one(library.job_store, WORKER, library.run()) is None
    assert take_one(library.job_store, WORKER, None) is not None


def test_a_finished_file_is_done_with_its_results(library: Library) -> None:
    [lease] = leased(library)
    ending = finish_one(library.job_store, lease, result("hash", size=11, mtime_ns=12, inode=13, work_s=0.25))
    assert ending is not None
    assert (ending.state, ending.failure, ending.retry_in_s) == ("done", None, None)
    file = library.file(b"1.flac")
    assert (file["state"], file["engine"]) == ("done", engine_text(VERSIONS))
    assert (file["size"], file["mtime_ns"], file["inode"]) == (11, 12, 13)
    job = library.job(lease.job)
    assert (job["state"], job["stage"], job["lease_until"], job["code"]) == ("done", None, None, None)
    assert (job["work_s"], job["decoded_s"]) == (0.25, 10.0)
    assert job["finished_at"] is not None
    assert len(library.rows("SELECT * FROM analyses")) == len(VERSIONS)


def test_a_file_with_less_audio_than_it_declares_is_partial_and_says_so(library: Library) -> None:
    [lease] = leased(library)
    ending = finish_one(library.job_store, lease, result(complete=False))
    assert ending is not None
    assert ending.state == "partial"
    assert library.file(b"1.flac")["state"] == "partial"
    job = library.job(lease.job)
    assert (job["state"], job["code"]) == ("partial", "incomplete")
    assert job["reason"] == "Only 10.0 s of audio could be decoded where the file declares 20.0 s."
    assert len(library.rows("SELECT * FROM analyses")) == len(VERSIONS)


def test_a_file_of_which_the_audio_is_known_to_be_partial_is_partial_without_decoding(
    library: Library,
) -> None:
    run = library.run()
    library.finish(run, b"1.flac", result("same", complete=False))
    library.meet(run, b"2.flac")
    ending = finish_one(library.job_store, library.take(run), result("same", known=True, complete=False))
    assert ending is not None
    assert ending.state == "partial"


def test_a_file_is_judged_by_its_own_header_and_not_by_that_of_another_with_the_same_audio(
    library: Library,
) -> None:
    run = library.run()
    library.finish(run, b"partial.flac", result("same", complete=False))
    library.finish(run, b"whole.flac", result("same", known=True))
    library.finish(run, b"cut.flac", result("same", known=True, file={"cut": "its last page is incomplete"}))
    columns = "SELECT state, complete, warnings FROM files ORDER BY id"
    assert library.rows(columns) == [
        {
            "state": "partial",
            "complete": 0,
            "warnings": '["10.0 s of audio instead of the 20.0 s that its header declares"]',
        },
        {"state": "done", "complete": 1, "warnings": "[]"},
        {
            "state": "partial",
            "complete": 0,
            "warnings": '["the file seems to be cut off: its last page is incomplete"]',
        },
    ]


def test_damage_to_the_audio_is_damage_to_every_file_that_holds_it(library: Library) -> None:
    run = library.run()
    library.finish(run, b"1.flac", result("same", decoded={"intact": False, "warnings": ["damaged"]}))
    library.finish(run, b"2.flac", result("same", known=True))
    assert [row["state"] for row in library.rows("SELECT state FROM files")] == ["partial", "partial"]
    tracks = library.tracks.each_detail(TrackQuery())
    assert [track.warnings for track in tracks] == [["damaged"], ["damaged"]]


def test_a_success_after_failures_leaves_no_reason_behind(library: Library) -> None:
    [lease] = leased(library)
    library.job_store.fail(lease, FLAKY, 1.0)
    again = library.take()
    finish_one(library.job_store, again, result())
    job = library.job(lease.job)
    assert (job["attempts"], job["code"], job["reason"], job["advice"]) == (2, None, None, None)


def test_a_failure_that_may_pass_is_tried_again_as_often_as_allowed_and_then_kept(library: Library) -> None:
    [lease] = leased(library)
    states = []
    for attempt in range(1, FLAKY.max_attempts + 1):
        assert lease.attempt == attempt
        ending = library.job_store.fail(lease, FLAKY, 0.5)
        assert ending is not None
        states.append(ending.state)
        job = library.job(lease.job)
        assert (job["code"], job["reason"], job["advice"]) == (FLAKY.code, FLAKY.reason, FLAKY.advice)
        if attempt < FLAKY.max_attempts:
            lease = library.take()
    assert states == ["retrying", "retrying", "quarantined"]
    assert library.file(b"1.flac")["state"] == "quarantined"
    assert take_one(library.job_store, WORKER, None) is None


def test_a_failure_that_cannot_pass_is_quarantined_at_once(library: Library) -> None:
    [lease] = leased(library)
    ending = library.job_store.fail(lease, HOPELESS, 0.5)
    assert ending is not None
    assert (ending.state, ending.failure, ending.retry_in_s) == ("quarantined", HOPELESS, None)
    job = library.job(lease.job)
    assert (job["state"], job["reason"], job["lease_until"]) == ("quarantined", HOPELESS.reason, None)


def test_the_quarantine_of_one_file_leaves_the_others_alone(library: Library) -> None:
    one, other = leased(library, b"1.flac", b"2.flac")
    library.job_store.fail(one, HOPELESS, 0.0)
    assert finish_one(library.job_store, other, result()) is not None
    assert library.file(b"2.flac")["state"] == "done"


def test_a_retry_waits_for_its_time(library: Library) -> None:
    slow = SqlJobStore(library.database, VERSIONS, Backoff(1e6, 1e6), 60)
    random.seed(1)
    [lease] = leased(library)
    ending = slow.fail(lease, FLAKY, 0.0)
    assert ending is not None
    assert ending.retry_in_s is not None
    assert take_one(slow, WORKER, None) is None
    library.change("UPDATE jobs SET not_before = not_before - :by", by=ending.retry_in_s)
    assert take_one(slow, WORKER, None) is not None


@given(st.floats(1e-3, 100), st.floats(1e-3, 1000), st.integers(1, 10_000))
def test_a_backoff_is_a_share_of_a_doubling_bound(base_s: float, cap_s: float, attempt: int) -> None:
    delay = Backoff(base_s, cap_s).delay_s(attempt)
    assert 0 <= delay <= min(cap_s, base_s * 2.0 ** min(attempt - 1, 60))


def test_backoffs_are_spread_over_their_whole_range() -> None:
    random.seed(4)
    delays = [Backoff(1.0, 60.0).delay_s(4) for _ in range(400)]
    assert min(delays) < 0.8
    assert max(delays) > 7.2
    assert sum(delays) / len(delays) == pytest.approx(4.0, abs=0.5)


@given(st.integers(1, 30), st.integers(1, 40))
def test_a_file_is_tried_as_often_as_its_failure_allows(attempts: int, charged: int) -> None:
    failure = Failure("x", "", "", attempts)
    assert (retry_after(failure, charged, AT_ONCE) is None) == (charged >= attempts)


def test_a_job_given_back_is_not_charged_for_its_attempt(library: Library) -> None:
    [lease] = leased(library)
    for _ in range(5):
        library.job_store.give_back([lease])
        job = library.job(lease.job)
        assert (job["state"], job["worker"], job["lease_until"], job["stage"]) == ("queued", None, None, None)
        lease = library.take()
    assert lease.attempt == 6
    for _ in range(FLAKY.max_attempts - 1):
        ending = library.job_store.fail(lease, FLAKY, 0.0)
        assert ending is not None
        assert ending.state == "retrying"
        lease = library.take()


def test_giving_back_nothing_is_nothing(library: Library) -> None:
    library.job_store.give_back([])


def test_a_job_that_is_not_wanted_ends_with_its_reason_and_may_come_again(library: Library) -> None:
    [lease] = leased(library)
    library.job_store.cancel(lease, GONE)
    job = library.job(lease.job)
    assert (job["state"], job["code"], job["stage"]) == ("cancelled", "gone", None)
    assert library.file(b"1.flac")["state"] == "waiting"
    assert library.meet(library.run(), b"1.flac").to_analyse == 1


@pytest.mark.parametrize("how", ["recovered", "recovered and taken again", "given back"])
def test_a_worker_that_lost_its_lease_can_write_nothing(library: Library, how: str) -> None:
    [lease] = leased(library)
    if how.startswith("recovered"):
        assert len(library.job_store.recover_worker(WORKER)) == 1
        if how.endswith("again"):
            again = library.take()
            assert (again.job, again.worker) == (lease.job, lease.worker)
    else:
        library.job_store.give_back([lease])
    before = everything(library)
    assert finish_one(library.job_store, lease, result("late", tags={"title": "late"})) is None
    assert library.job_store.fail(lease, HOPELESS, 9.0) is None
    library.job_store.cancel(lease, GONE)
    library.job_store.give_back([lease])
    assert everything(library) == before


@pytest.mark.parametrize("how", ["finished", "failed"])
def test_an_attempt_that_ended_is_told_how_and_can_write_nothing_more(library: Library, how: str) -> None:
    [lease] = leased(library)
    if how == "finished":
        ending = finish_one(library.job_store, lease, result("first", complete=False))
    else:
        ending = library.job_store.fail(lease, HOPELESS, 0.0)
    assert ending is not None
    before = everything(library)
    assert finish_one(library.job_store, lease, result("late", tags={"title": "late"})) == ending
    assert library.job_store.fail(lease, HOPELESS, 9.0) == ending
    library.job_store.cancel(lease, GONE)
    library.job_store.give_back([lease])
    assert everything(library) == before


def test_a_lease_that_was_renewed_is_not_taken_back(library: Library) -> None:
    one, other = leased(library, b"1.flac", b"2.flac")
    library.job_store.renew(WORKER, {one.job: "decode"})
    assert library.job(one.job)["stage"] == "decode"
    assert library.outlive(other.job) == 1
    assert library.job(one.job)["state"] == "running"
    assert library.job(other.job)["state"] == "retrying"


def test_nobody_renews_anothers_lease(library: Library) -> None:
    [lease] = leased(library)
    library.change("UPDATE jobs SET lease_until = 1")
    library.job_store.renew("another", {lease.job: "decode"})
    assert library.job(lease.job)["lease_until"] == 1


def test_a_living_workers_jobs_are_left_to_it(library: Library) -> None:
    [lease] = leased(library)
    assert library.job_store.recover_worker("another") == []
    assert library.job(lease.job)["state"] == "running"


def test_interruptions_are_not_held_against_a_file(library: Library) -> None:
    [lease] = leased(library)
    for _ in range(MAX_INTERRUPTIONS - 2):
        assert len(patient(library).recover_worker(WORKER)) == 1
        job = library.job(lease.job)
        assert (job["state"], job["code"]) == ("retrying", INTERRUPTED.code)
        library.change("UPDATE jobs SET not_before = 1")
        lease = library.take()
    states = []
    for _ in range(FLAKY.max_attempts):
        ending = library.job_store.fail(lease, FLAKY, 0.0)
        assert ending is not None
        states.append(ending.state)
        if ending.state == "retrying":
            lease = library.take()
    assert states == ["retrying", "retrying", "quarantined"]


def test_a_file_that_ends_its_worker_again_and_again_is_quarantined(library: Library) -> None:
    [lease] = leased(library)
    for _ in range(MAX_INTERRUPTIONS - 1):
        library.job_store.recover_worker(WORKER)
        lease = library.take()
    assert len(library.job_store.recover_worker(WORKER)) == 1
    job = library.job(lease.job)
    assert (job["state"], job["code"], job["interruptions"]) == (
        "quarantined",
        "interrupted",
        MAX_INTERRUPTIONS,
    )
    assert job["lease_until"] is None
    assert library.file(b"1.flac")["state"] == "quarantined"


def test_what_became_of_the_jobs_of_a_lost_worker_is_told_with_its_attempts(library: Library) -> None:
    run = library.run()
    cancelled = library.run()
    library.meet(run, b"1.flac", b"2.flac")
    library.meet(cancelled, b"3.flac")
    again, given_up = library.job_store.take(WORKER, run, at_most=2)
    [unwanted] = library.job_store.take(WORKER, cancelled)
    library.change(
        "UPDATE jobs SET interruptions = :n WHERE id = :id", n=MAX_INTERRUPTIONS - 1, id=given_up.job
    )
    library.runs.cancel(cancelled)
    told = {one.job: one.outcome for one in patient(library).recover_worker(WORKER)}
    assert set(told) == {again.ref, given_up.ref, unwanted.ref}
    assert (told[again.ref].state, told[again.ref].failure) == ("retrying", INTERRUPTED)
    assert (told[again.ref].retry_in_s or 0) > 0
    failure = told[given_up.ref].failure
    assert told[given_up.ref].state == "quarantined"
    assert failure is not None
    assert f"ended {MAX_INTERRUPTIONS} times" in failure.reason
    assert told[unwanted.ref].state == "cancelled"
    assert library.job_store.recover_worker(WORKER) == []


def test_a_file_that_was_given_up_with_its_worker_is_at_no_stage_any_more(library: Library) -> None:
    [lease] = leased(library)
    library.job_store.renew(WORKER, {lease.job: "decode"})
    library.change("UPDATE jobs SET interruptions = :n", n=MAX_INTERRUPTIONS - 1)
    library.job_store.recover_worker(WORKER)
    job = library.job(lease.job)
    assert (job["state"], job["stage"]) == ("quarantined", None)


@pytest.mark.parametrize("how", ["failed", "given back", "lost with its worker"])
def test_what_ran_when_its_run_was_cancelled_is_not_tried_again(library: Library, how: str) -> None:
    [lease] = leased(library)
    library.runs.cancel(lease.run)
    if how == "failed":
        library.job_store.fail(lease, FLAKY, 0.0)
    elif how == "given back":
        library.job_store.give_back([lease])
    else:
        library.job_store.recover_worker(WORKER)
    assert library.job_store.depth(lease.run).open == 0
    assert library.job(lease.job)["state"] == "cancelled"


def test_results_that_are_there_already_are_named(library: Library) -> None:
    run = library.run()
    library.finish(run, b"1.flac", result("known"))
    library.meet(run, b"2.flac", b"3.flac")
    lease = library.take(run)
    assert stored_one(library.job_store, lease, "known") == {"tempo", "key"}
    assert stored_one(library.job_store, lease, "unknown") == frozenset()
    newer = SqlJobStore(library.database, VERSIONS | {"tempo": VERSIONS["tempo"] + 1}, AT_ONCE, 60)
    assert stored_one(newer, lease, "known") == {"key"}


def test_a_file_to_be_measured_afresh_has_no_results_yet(library: Library) -> None:
    run = library.run()
    library.finish(run, b"1.flac", result("known"))
    library.meet(run, b"2.flac", fresh=True)
    assert stored_one(library.job_store, library.take(run), "known") == frozenset()


def test_the_depth_of_the_queue_is_counted_by_level_and_state(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1.flac", b"2.flac", level=Level.HIGH)
    library.meet(run, b"3.flac", b"4.flac", level=Level.LOW)
    library.job_store.fail(library.take(run), FLAKY, 0.0)
    library.change("UPDATE jobs SET not_before = not_before + 1000 WHERE not_before IS NOT NULL")
    library.take(run)
    other = library.run()
    library.meet(other, b"5.flac")
    depth = library.job_store.depth(run)
    assert depth.queued == {"critical": 0, "high": 0, "normal": 0, "low": 2, "background": 0}
    assert (depth.retrying, depth.running, depth.open) == (1, 1, 4)
    assert library.job_store.depth(None).open == 5
    assert library.job_store.depth(other).queued["normal"] == 1


def test_the_engine_is_named_the_same_in_any_order() -> None:
    text = engine_text({"a": 1, "b": 2})
    assert text == engine_text({"b": 2, "a": 1})
    assert versions_in(text) == {**FILE_VERSIONS, "a": 1, "b": 2}


def test_attempts_that_are_not_charged_are_not_shown_as_attempts(library: Library) -> None:
    [lease] = leased(library)
    library.job_store.give_back([lease])
    lease = library.take()
    assert (lease.attempt, lease.uncharged_attempts) == (2, 1)
    library.job_store.fail(lease, HOPELESS, 0.0)
    [failure] = library.failed()
    assert failure.attempts == 1
    library.retry(None, partial=False)
    [job] = library.job_list.first(("queued",), None, None, 10)
    assert job.attempts == 0


def test_a_file_whose_worker_ended_once_is_not_said_to_end_it_again_and_again(library: Library) -> None:
    leased(library)
    patient(library).recover_worker(WORKER)
    [failure] = library.failed()
    assert failure.reason == "Tonearm itself ended while this file was being analysed."
