"""The follower of a run gets the events of other workers like those of its own process, each once."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.memory_progress import MemoryProgress
from tests.unit.library_fixture import Library, finish_one, found, result
from tonearm.errors import Failure, ServiceUnavailable
from tonearm.events.event import Event
from tonearm.events.facts import (
    JobEvent,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    Remote,
    StageReached,
)
from tonearm.jobs import finished_jobs
from tonearm.jobs.lease import Lease
from tonearm.jobs.retry import MAX_INTERRUPTIONS
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.library.schema import analysis_table
from tonearm.progress.live import LiveView
from tonearm.progress.port import RunningFile
from tonearm.progress.remote_events import RemoteEvents
from tonearm.resilience.backoff import Backoff
from tonearm.worker.attempt_recorder import announce_interrupted

ME, OTHER, THIRD = "here", "there", "beyond"
BAD = Failure("crashed", "Its process was ended.", "Retry it.", max_attempts=3)
HOPELESS = Failure("not-audio", "This is not music.", "Check what it is.")


class Away(MemoryProgress):
    """A live view that does not answer."""

    def running(self) -> tuple[RunningFile, ...]:
        raise ServiceUnavailable("gone for lunch")


@pytest.fixture
def run(library: Library) -> int:
    return library.run()


@pytest.fixture
def progress() -> MemoryProgress:
    return MemoryProgress()


@pytest.fixture
def remote_events(library: Library, progress: MemoryProgress, run: int) -> RemoteEvents:
    return RemoteEvents(library.database, progress, run, ME)


def patient(library: Library) -> SqlJobStore:
    """A job store with a back-off long enough to observe retrying jobs."""
    return SqlJobStore(library.database, library.versions, Backoff(600.0, 600.0), 60)


def take(library: Library, run: int, worker: str = OTHER) -> Lease:
    return library.take(run, worker)


def _named(event: JobEvent) -> tuple[int, bytes, int, str, int, str]:
    job = event.job
    return job.job, job.path, job.run, job.worker, job.attempt, job.level


def _attempt(event: JobRetrying) -> tuple[int, bytes, str, str, int, str]:
    job = event.job
    return job.job, job.path, event.code, event.reason, job.attempt, job.worker


def kinds(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_where_nothing_happens_nothing_is_told(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    assert remote_events.look() == []


def test_a_file_that_another_worker_finished_is_told_once_with_what_was_found(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, found(b"x/\xff.flac", size=1234))
    lease = take(library, run)
    finish_one(library.job_store, lease, result(bpm=128.5, work_s=2.5))
    assert remote_events.look() == [
        JobFinished(
            job=replace(lease.ref, size=library.file(b"x/\xff.flac")["size"]),
            state="done",
            run_s=2.5,
            store_s=library.rows("SELECT store_s FROM attempts")[0]["store_s"],
            timings={"decode": 0.2},
            decoded_s=10.0,
            bpm=128.5,
            key="A minor",
            codec="flac",
        )
    ]
    assert lease.ref.path == b"/music/x/\xff.flac"
    assert (lease.ref.worker, lease.ref.extension, lease.ref.attempt) == (OTHER, "flac", 1)
    assert remote_events.look() == []
    assert remote_events.look() == []


def test_what_ends_partial_or_quarantined_is_told_with_its_reason(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac", b"b.flac")
    partial, bad = take(library, run), take(library, run)
    finish_one(library.job_store, partial, result(complete=False))
    library.job_store.fail(bad, HOPELESS, 1.5)
    first, second = remote_events.look()
    assert isinstance(first, JobFinished)
    assert (first.job, first.state, first.code) == (partial.ref, "partial", "incomplete")
    assert isinstance(second, JobFinished)
    assert (second.state, second.code, second.reason, second.advice, second.run_s) == (
        "quarantined",
        HOPELESS.code,
        HOPELESS.reason,
        HOPELESS.advice,
        1.5,
    )


def test_a_file_whose_sound_was_known_shows_no_tempo_as_at_home(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac", b"b.flac")
    finish_one(library.job_store, take(library, run), result())
    finish_one(library.job_store, take(library, run), result(known=True))
    first, second = remote_events.look()
    assert isinstance(first, JobFinished)
    assert isinstance(second, JobFinished)
    assert (first.bpm, first.decoded_s) == (120.0, 10.0)
    assert (second.bpm, second.key, second.decoded_s) == (None, None, 0.0)


def test_the_newest_version_of_an_analyser_is_shown(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    finish_one(library.job_store, take(library, run), result(bpm=100.0))
    with library.database.write() as connection:
        audio = library.file(b"a.flac")["audio_id"]
        old = {"audio_id": audio, "analyser": "tempo", "version": 1, "scalars": {"bpm": 50.0}}
        connection.execute(analysis_table.insert().values(**old, series={}, made_at=9e9))
    [event] = remote_events.look()
    assert isinstance(event, JobFinished)
    assert event.bpm == 100.0


def test_what_this_process_does_itself_is_not_told_again(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac", b"b.flac", b"c.flac")
    take(library, run, ME)
    finish_one(library.job_store, take(library, run, ME), result("b"))
    library.job_store.fail(take(library, run, ME), HOPELESS, 1.0)
    assert remote_events.look() == []


def test_what_other_runs_do_is_not_told(library: Library, remote_events: RemoteEvents) -> None:
    other = library.run()
    library.meet(other, b"a.flac", b"b.flac")
    finish_one(library.job_store, take(library, other), result())
    take(library, other)
    assert remote_events.look() == []


def test_a_file_in_another_workers_hands_is_shown_until_it_ends(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    lease = take(library, run)
    library.change("UPDATE jobs SET started_at = started_at - 30")
    [started] = remote_events.look()
    assert isinstance(started, JobStarted)
    assert _named(started) == (
        lease.job,
        b"/music/a.flac",
        run,
        OTHER,
        1,
        "normal",
    )
    assert 29 <= started.elapsed_s < 120
    assert remote_events.look() == []
    finish_one(library.job_store, lease, result())
    assert kinds(remote_events.look()) == ["JobFinished"]


def test_how_far_a_file_is_comes_from_the_live_view(
    library: Library, run: int, progress: MemoryProgress, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    lease = take(library, run)
    file = RunningFile(OTHER, lease.job, run, b"/music/a.flac", "flac", 9, "decode", 0.25, 1, 2.0)
    progress.report(OTHER, [file])
    assert [event for event in remote_events.look() if isinstance(event, StageReached)] == [
        StageReached(lease.ref, "decode", 0.25)
    ]
    assert remote_events.look() == []
    progress.leave(OTHER)
    assert remote_events.look() == []


def test_without_a_live_view_the_stage_comes_from_the_lease(library: Library, run: int) -> None:
    remote_events = RemoteEvents(library.database, Away(), run, ME)
    library.meet(run, b"a.flac")
    lease = take(library, run)
    assert kinds(remote_events.look()) == ["JobStarted"]
    library.job_store.renew(OTHER, {lease.job: "decode"})
    assert remote_events.look() == [StageReached(lease.ref, "decode")]


def test_a_live_view_that_lags_behind_brings_nothing_back(
    library: Library, run: int, progress: MemoryProgress, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    lease = take(library, run)
    progress.report(
        OTHER, [RunningFile(OTHER, lease.job, run, b"/music/a.flac", "flac", 9, "decode", 0.25, 1, 2.0)]
    )
    finish_one(library.job_store, lease, result())
    assert kinds(remote_events.look()) == ["JobFinished"]
    assert remote_events.look() == []


def test_a_failed_attempt_that_will_be_repeated_is_told_once(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    lease = take(library, run)
    assert kinds(remote_events.look()) == ["JobStarted"]
    patient(library).fail(lease, BAD, 1.0)
    [again] = remote_events.look()
    assert isinstance(again, JobRetrying)
    assert _attempt(again) == (
        lease.job,
        b"/music/a.flac",
        BAD.code,
        BAD.reason,
        1,
        OTHER,
    )
    assert 0 < again.delay_s <= 600
    assert remote_events.look() == []


def test_a_failed_attempt_that_was_never_seen_running_is_told_too(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    patient(library).fail(take(library, run), BAD, 1.0)
    assert kinds(remote_events.look()) == ["JobRetrying"]
    assert remote_events.look() == []


def test_a_retry_that_this_process_told_itself_is_not_told_again(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    lease = take(library, run, ME)
    patient(library).fail(lease, BAD, 1.0)
    remote_events(JobRetrying(lease.ref, BAD.code, BAD.reason, 5.0))
    assert remote_events.look() == []
    assert remote_events.look() == []


def test_an_attempt_that_fails_and_is_repeated_between_two_looks_is_told(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    lease = take(library, run)
    remote_events.look()
    library.job_store.fail(lease, BAD, 1.0)
    take(library, run, THIRD)
    again, started = remote_events.look()
    assert isinstance(again, JobRetrying)
    assert (again.job.attempt, again.code, again.job.worker) == (1, BAD.code, OTHER)
    assert isinstance(started, JobStarted)
    assert (started.job.attempt, started.job.worker) == (2, THIRD)


def test_a_file_that_another_worker_gives_back_is_told(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    lease = take(library, run)
    remote_events.look()
    library.job_store.give_back([lease])
    [back] = remote_events.look()
    assert isinstance(back, JobReturned)
    assert (back.job.job, back.job.path, back.state, back.job.worker) == (
        lease.job,
        b"/music/a.flac",
        "queued",
        OTHER,
    )
    assert remote_events.look() == []


def test_a_file_whose_worker_died_is_told_as_an_attempt_that_is_repeated(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    take(library, run)
    remote_events.look()
    library.job_store.recover_worker(OTHER)
    [again] = remote_events.look()
    assert isinstance(again, JobRetrying)
    assert (again.code, again.job.attempt) == ("interrupted", 1)


@pytest.mark.parametrize(
    ("interruptions", "fact", "seen_before"),
    [
        (0, "JobRetrying", True),
        (MAX_INTERRUPTIONS - 1, "JobFinished", True),
        (MAX_INTERRUPTIONS - 1, "JobFinished", False),
    ],
)
def test_what_this_process_announces_of_a_lost_worker_is_not_told_again(
    library: Library,
    run: int,
    remote_events: RemoteEvents,
    interruptions: int,
    fact: str,
    seen_before: bool,
) -> None:
    library.meet(run, b"a.flac")
    take(library, run)
    if seen_before:
        assert kinds(remote_events.look()) == ["JobStarted"]
    library.change("UPDATE jobs SET interruptions = :n", n=interruptions)
    announced: list[Event] = []
    announce_interrupted(patient(library).recover_worker(OTHER), announced.append)
    assert kinds(announced) == [fact]
    for event in announced:
        remote_events(event)
    assert remote_events.look() == []
    library.retry(None, partial=False)
    library.change("UPDATE jobs SET not_before = NULL, state = 'queued'")
    finish_one(library.job_store, take(library, run, THIRD), result())
    [again] = remote_events.look()
    assert isinstance(again, JobFinished)
    assert (again.state, again.job.worker) == ("done", THIRD)


def test_a_running_file_that_nobody_wants_any_more_is_told_as_cancelled(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac", b"b.flac")
    lease = take(library, run)
    remote_events.look()
    library.runs.cancel(run)
    library.job_store.give_back([lease])
    [back] = remote_events.look()
    assert isinstance(back, JobReturned)
    assert (back.job.job, back.state, back.job.worker) == (lease.job, "cancelled", OTHER)


def test_a_file_that_goes_from_their_hands_to_ours_is_told_by_us(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    lease = take(library, run)
    remote_events.look()
    library.job_store.give_back([lease])
    take(library, run, ME)
    assert remote_events.look() == []


def test_a_file_that_is_retried_by_command_ends_once_more(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac")
    for _ in range(2):
        library.job_store.fail(take(library, run), HOPELESS, 1.0)
        assert kinds(remote_events.look()) == ["JobFinished"]
        library.change("UPDATE jobs SET state = 'queued', attempts = 0, finished_at = NULL, worker = NULL")
    finish_one(library.job_store, take(library, run), result())
    assert kinds(remote_events.look()) == ["JobFinished"]


def test_who_comes_late_may_leave_out_what_is_over(library: Library, run: int) -> None:
    library.meet(run, b"a.flac", b"b.flac", b"c.flac")
    finish_one(library.job_store, take(library, run), result("a"))
    take(library, run)
    remote_events = RemoteEvents(library.database, MemoryProgress(), run, ME, from_now=True)
    assert kinds(remote_events.look()) == ["JobStarted"]
    finish_one(library.job_store, take(library, run), result("c"))
    assert kinds(remote_events.look()) == ["JobFinished"]


def test_an_ending_that_becomes_visible_late_is_told_all_the_same(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac", b"b.flac")
    late, early = take(library, run), take(library, run)
    finish_one(library.job_store, early, result("b"))
    remote_events.look()
    finish_one(library.job_store, late, result("a"))
    library.change("UPDATE jobs SET finished_at = finished_at - 3 WHERE id = :id", id=late.job)
    [event] = remote_events.look()
    assert isinstance(event, JobFinished)
    assert event.job.job == late.job
    assert remote_events.look() == []


def test_a_database_clock_that_was_set_back_hides_nothing(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, b"a.flac", b"b.flac")
    finish_one(library.job_store, take(library, run), result("a"))
    library.change("UPDATE jobs SET finished_at = finished_at + 3600 WHERE finished_at IS NOT NULL")
    assert kinds(remote_events.look()) == ["JobFinished"]
    finish_one(library.job_store, take(library, run), result("b"))
    assert kinds(remote_events.look()) == ["JobFinished"]


def test_many_endings_are_told_in_pieces_each_once(
    library: Library, run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_jobs, "LIMIT", 4)
    remote_events = RemoteEvents(library.database, MemoryProgress(), run, ME)
    library.meet(run, *(b"%02d.flac" % number for number in range(10)))
    for number in range(10):
        finish_one(library.job_store, take(library, run), result(f"{number:032}"))
    library.change("UPDATE jobs SET finished_at = 1000 WHERE id % 2 = 0")  # many end in the same moment
    told: list[int] = []
    looks = 0
    while True:
        told += [event.job.job for event in remote_events.look() if isinstance(event, JobFinished)]
        looks += 1
        if not remote_events.behind:
            break
    assert looks == 3
    assert sorted(told) == sorted(row["id"] for row in library.rows("SELECT id FROM jobs"))
    assert remote_events.look() == []


def test_a_look_that_fails_half_way_loses_nothing(
    library: Library, run: int, remote_events: RemoteEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.meet(run, b"a.flac")
    finish_one(library.job_store, take(library, run), result())

    def broken(*_: object) -> None:
        raise ServiceUnavailable("in the middle of it")

    with monkeypatch.context() as patch:
        patch.setattr("tonearm.progress.remote_events.job_rows", broken)
        with pytest.raises(ServiceUnavailable):
            remote_events.look()
    assert kinds(remote_events.look()) == ["JobFinished"]


def test_a_live_view_that_hears_it_all_agrees_with_the_database(
    library: Library, run: int, remote_events: RemoteEvents
) -> None:
    library.meet(run, *(b"%02d.flac" % number for number in range(12)))
    view = LiveView()
    for number in range(8):
        lease = take(library, run, (OTHER, THIRD)[number % 2])
        for event in remote_events.look():
            view(Remote(event))
        assert list(view.running) == [lease.job]
        if number == 3:
            library.job_store.fail(lease, HOPELESS, 1.0)
        elif number == 5:
            library.job_store.give_back([lease])
        else:
            finish_one(library.job_store, lease, result(f"{number:032}", complete=number != 4))
    for event in remote_events.look():
        view(Remote(event))
    counts = library.runs.counts(run)
    assert (view.done, view.partial, view.failed) == (counts.done, counts.partial, counts.failed)
    assert view.running == {}
