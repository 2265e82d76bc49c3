"""Prioritising, retrying and counting change and return what they are documented to."""

import sqlite3

import pytest

from tests.unit.library_fixture import Library, finish_one, result, take_one
from tonearm.errors import Failure
from tonearm.events.batches import JobsEnqueued
from tonearm.events.event import Event
from tonearm.events.job_trace import JobTrace
from tonearm.jobs.failed_jobs import FailedSelection
from tonearm.jobs.job import OPEN
from tonearm.library.roots import Place
from tonearm.settings import Level

FLAKY = Failure("read-error", "the cable is loose", "plug it in", max_attempts=3)
HOPELESS = Failure("not-audio", "it is a picture", "look at it")


def at(library: Library, scope: bytes = b"") -> Place:
    return Place(library.root(), b"/music", scope)


def quarantine(library: Library, *paths: bytes) -> None:
    run = library.run()
    library.meet(run, *paths)
    for _ in paths:
        library.job_store.fail(library.take(run), HOPELESS, 0.0)


def test_a_folder_can_be_put_first(library: Library) -> None:
    run = library.run()
    library.meet(run, b"a/1", b"b/2", b"b/3", b"b0")
    assert library.queue_admin.prioritize(at(library, b"b"), Level.CRITICAL) == 2
    assert [library.take().path for _ in range(4)] == [b"b/2", b"b/3", b"a/1", b"b0"]


def test_a_folder_can_be_put_last(library: Library) -> None:
    library.meet(library.run(), b"a/1", b"b/2")
    library.queue_admin.prioritize(at(library, b"a"), Level.BACKGROUND)
    assert [library.take().path for _ in range(2)] == [b"b/2", b"a/1"]


def test_a_new_level_changes_nothing_that_has_ended(library: Library) -> None:
    library.finish(library.run(), b"1", result())
    assert library.queue_admin.prioritize(at(library), Level.CRITICAL) == 0
    assert library.rows("SELECT level, level_by FROM jobs") == [{"level": 2, "level_by": "rules"}]


def test_a_retried_file_has_a_clean_record(library: Library) -> None:
    library.meet(library.run(), b"1")
    for _ in range(FLAKY.max_attempts):
        library.job_store.fail(library.take(), FLAKY, 0.0)
    assert library.retry(at(library, b"1"), partial=False) == 1
    [job] = library.rows("SELECT * FROM jobs")
    assert (job["state"], job["code"], job["reason"], job["advice"]) == ("queued", None, None, None)
    assert (job["finished_at"], job["interruptions"]) == (None, 0)
    assert library.file(b"1")["state"] == "waiting"
    assert library.history(library.file(b"1")["id"]) == ["retried"]
    states = []
    for _ in range(FLAKY.max_attempts):
        ending = library.job_store.fail(library.take(), FLAKY, 0.0)
        assert ending is not None
        states.append(ending.state)
    assert states == ["retrying", "retrying", "quarantined"]


def test_only_what_lies_in_the_place_is_retried(library: Library) -> None:
    quarantine(library, b"a/1", b"b/2")
    assert library.retry(at(library, b"a"), partial=False) == 1
    assert library.take().path == b"a/1"
    assert library.retry(None, partial=False) == 1


def test_partial_files_are_retried_on_demand_and_measured_afresh(library: Library) -> None:
    library.finish(library.run(), b"1", result("1", complete=False))
    library.finish(library.run(), b"2", result("2"))
    assert library.retry(None, partial=False) == 0
    assert library.retry(None, partial=True) == 1
    lease = library.take()
    assert (lease.path, lease.fresh) == (b"1", True)


def test_an_old_failure_of_a_file_that_is_well_now_is_not_retried(library: Library) -> None:
    quarantine(library, b"1")
    run = library.run()
    library.meet(run, b"1", fresh=True)
    finish_one(library.job_store, library.take(run), result())
    assert library.retry(None, partial=True) == 0


def test_a_file_that_is_gone_is_not_retried(library: Library) -> None:
    quarantine(library, b"1", b"2")
    library.files.mark_missing([library.file(b"1")["id"]])
    assert library.retry(None, partial=False) == 1
    assert library.take().path == b"2"


def test_a_file_is_retried_once_however_often_it_is_asked(library: Library) -> None:
    quarantine(library, b"1")
    assert library.retry(None, partial=False) == 1
    assert library.retry(None, partial=False) == 0


def test_a_retried_file_of_a_cancelled_run_is_worked_on(library: Library) -> None:
    quarantine(library, b"1")
    [job] = library.rows("SELECT run_id FROM jobs")
    library.runs.cancel(job["run_id"])
    assert library.retry(None, partial=False) == 1
    library.job_store.recover_worker("worker")
    library.runs.adopt_open(run := library.run())
    assert take_one(library.job_store, "worker", run) is not None


def test_the_queue_is_shown_in_the_order_in_which_it_will_be_taken(library: Library) -> None:
    run = library.run()
    library.meet(run, b"3", level=Level.LOW)
    library.meet(run, b"1", level=Level.HIGH)
    library.meet(run, b"2")
    library.meet(run, b"0", level=Level.CRITICAL)
    library.take()
    shown = library.job_list.first(OPEN, None, None, 10)
    assert [(job.path, job.queue_position, job.state) for job in shown] == [
        (b"/music/0", None, "running"),
        (b"/music/1", 1, "queued"),
        (b"/music/2", 2, "queued"),
        (b"/music/3", 3, "queued"),
    ]
    assert [library.take().path for _ in range(3)] == [b"1", b"2", b"3"]


def test_a_place_in_the_queue_counts_all_that_waits_before_it(library: Library) -> None:
    first, second = library.run(), library.run()
    library.meet(first, b"a/1", b"a/2")
    library.meet(second, b"b/3")
    [job] = library.job_list.first(OPEN, at(library, b"b"), None, 10)
    assert job.queue_position == 3
    [job] = library.job_list.first(OPEN, None, second, 10)
    assert (job.path, job.queue_position) == (b"/music/b/3", 3)
    assert len(library.job_list.first(OPEN, None, None, 2)) == 2


def steps_to_list_the_first(library: Library) -> int:
    """How many hundred steps SQLite takes to list a few jobs."""
    steps = [0]

    def count() -> None:
        steps[0] += 1

    def watch(every: int) -> None:
        with library.database.read() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.set_progress_handler(count, every)

    watch(100)
    assert [job.queue_position for job in library.job_list.first(OPEN, None, None, 5)] == [1, 2, 3, 4, 5]
    watch(0)
    return steps[0]


def test_the_head_of_a_long_queue_is_shown_as_readily_as_that_of_a_short_one(library: Library) -> None:
    run = library.run()
    library.meet(run, *(f"{number:04}".encode() for number in range(200)))
    short = steps_to_list_the_first(library)
    library.meet(run, *(f"{number:04}".encode() for number in range(200, 2000)))
    assert steps_to_list_the_first(library) <= 10 * short


def test_failures_are_listed_with_their_reasons_until_they_are_mended(library: Library) -> None:
    quarantine(library, b"1")
    library.finish(library.run(), b"2", result("2", complete=False))
    library.meet(run := library.run(), b"3", b"4")
    library.job_store.fail(library.take(run), FLAKY, 0.0)
    listed = {job.path: (job.state, job.code) for job in library.failed()}
    assert listed == {
        b"/music/1": ("quarantined", "not-audio"),
        b"/music/2": ("partial", "incomplete"),
        b"/music/3": ("retrying", "read-error"),
    }
    library.meet(again := library.run(), b"1", fresh=True)
    finish_one(library.job_store, library.take(again), result("1"))
    assert b"/music/1" not in {job.path for job in library.failed()}


def test_failures_of_files_that_are_gone_are_not_listed(library: Library) -> None:
    quarantine(library, b"1", b"2")
    library.files.mark_missing([library.file(b"1")["id"]])
    assert [job.path for job in library.failed()] == [b"/music/2"]
    assert library.failed(at(library, b"1")) == []


@pytest.mark.parametrize("limit", [1, 2])
def test_failures_can_be_limited(library: Library, limit: int) -> None:
    quarantine(library, b"1", b"2", b"3")
    assert len(library.failed(limit=limit)) == limit


def test_a_retry_begins_a_new_trace_and_stores_whether_it_is_recorded(library: Library) -> None:
    quarantine(library, *(b"%d.mp3" % number for number in range(6)))
    heard: list[Event] = []

    def odd(trace_id: str, decided: bool | None) -> bool:  # noqa: ARG001  the form of a Sampler
        return int(trace_id, 16) % 2 == 1

    retrying = library.queue_admin.retry(FailedSelection(None), heard.append, odd)
    while not retrying.ended:
        retrying.step()
    [event] = heard
    assert isinstance(event, JobsEnqueued)
    rows = library.rows("SELECT correlation_id, retried, sampled FROM jobs")
    traces = [JobTrace(row["correlation_id"], row["retried"], bool(row["sampled"])) for row in rows]
    assert {trace.retried for trace in traces} == {1}
    assert [trace.sampled for trace in traces] == [odd(trace.trace_id, None) for trace in traces]
    assert (event.count, set(event.traces)) == (6, {trace for trace in traces if trace.sampled})


def test_without_a_sampler_nothing_is_decided_about_the_trace_of_a_retry(library: Library) -> None:
    quarantine(library, b"1.mp3")
    library.change("UPDATE jobs SET sampled = true")
    retrying = library.queue_admin.retry(FailedSelection(None))
    assert retrying.step() == 1
    assert library.rows("SELECT retried, sampled FROM jobs") == [{"retried": 1, "sampled": None}]
