"""The job store stays correct when answers are lost, workers report late, or two processes act at the same time."""

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.unit.library_fixture import (
    AGEING_S,
    AT_ONCE,
    VERSIONS,
    Library,
    claim_one,
    finish_one,
    found,
    result,
    stored_one,
    take_one,
)
from tonearm.errors import Failure, Fault, NotFound, StorageUnavailable
from tonearm.events.states import RunState
from tonearm.jobs import batched_update
from tonearm.jobs.failures import GONE
from tonearm.jobs.intake import Intake, IntakeResult
from tonearm.jobs.job import OPEN, ClaimRefusal, JobState
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import ReadFile
from tonearm.jobs.run_counts import RunCounts
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.library.database import Database
from tonearm.library.file_contents import Tags
from tonearm.library.files import FileChange, ScannedFile
from tonearm.library.roots import Place
from tonearm.resilience.backoff import Backoff
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.settings import Level

FLAKY = Failure("read-error", "the cable is loose", "plug it in", max_attempts=3)
HOPELESS = Failure("not-audio", "it is a picture", "look at it")
PATIENCE = StorageRetry(lambda _: None, lambda: False)
"""Two that get in each other's way try again, as the program does."""
TABLES = ("jobs", "files", "runs", "audio", "tags", "analyses", "history")


@pytest.fixture
def shared(emptied_postgres: Database) -> Library:
    """An empty library on PostgreSQL, where two can write at the same moment."""
    return Library(emptied_postgres)


class Deaf(Database):
    """A database that loses one answer: the transaction is committed, and the caller gets an error."""

    def __init__(self, database: Database) -> None:
        self.__dict__ = dict(database.__dict__)
        self._whole = database
        self.deaf = False

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction, which is on disk when it raises."""
        with self._whole.write() as connection:
            yield connection
        if self.deaf:
            self.deaf = False
            raise StorageUnavailable("the server went away")


def job_store_on(database: Database) -> SqlJobStore:
    return SqlJobStore(database, VERSIONS, AT_ONCE, 60)


def leased(library: Library, *paths: bytes) -> list[Lease]:
    run = library.run()
    library.meet(run, *(paths or (b"1",)))
    return [library.take(run) for _ in paths or (b"1",)]


def everything(library: Library) -> dict[str, Any]:
    return {
        table: sorted(map(repr, library.rows(f"SELECT * FROM {table}")))  # noqa: S608  our own names
        for table in TABLES
    }


def adds_up(counts: RunCounts) -> bool:
    return counts.discovered == sum(
        (counts.done, counts.partial, counts.skipped, counts.failed, counts.pending)
    )


def all_at_once(*calls: Callable[[], object]) -> list[BaseException]:
    """Call several at the same moment; returns what they raised."""
    barrier = threading.Barrier(len(calls))
    raised: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except Exception as error:  # noqa: BLE001  told by the test
            raised.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


# Workers that come late.


@pytest.mark.parametrize(
    "meanwhile", ["recovered", "taken by another", "taken again by itself", "given back"]
)
def test_a_worker_whose_lease_was_recovered_can_write_nothing(library: Library, meanwhile: str) -> None:
    [lease] = leased(library)
    if meanwhile == "given back":
        library.job_store.give_back([lease])
    else:
        assert library.outlive() == 1
    if meanwhile == "taken by another":
        library.take(worker="another")
    if meanwhile == "taken again by itself":
        library.take()
    before = everything(library)
    assert finish_one(library.job_store, lease, result("late", tags={"title": "late"})) is None
    assert library.job_store.fail(lease, HOPELESS, 1.0) is None
    assert library.job_store.fail(lease, FLAKY, 1.0) is None
    library.job_store.cancel(lease, GONE)
    library.job_store.give_back([lease])
    assert everything(library) == before
    if meanwhile != "taken again by itself":
        assert library.job_store.renew(lease.worker, {lease.job: "decode"}) == frozenset()
        assert everything(library) == before


def test_a_worker_is_told_which_of_its_leases_are_still_its_own(library: Library) -> None:
    leases = leased(library, b"1", b"2", b"3")
    assert library.outlive(leases[1].job) == 1
    stages = {lease.job: "decode" for lease in leases} | {99: "decode"}
    assert library.job_store.renew(leases[0].worker, stages) == {leases[0].job, leases[2].job}
    assert library.job_store.renew(leases[0].worker, {}) == frozenset()
    assert library.job_store.renew("another", stages) == frozenset()
    assert [library.job(lease.job)["stage"] for lease in leases] == ["decode", None, "decode"]


# Answers that get lost.


@pytest.mark.parametrize("complete", [True, False])
def test_a_result_whose_answer_got_lost_is_stored_once_and_told_again(
    library: Library, complete: bool
) -> None:
    [lease] = leased(library)
    deaf = Deaf(library.database)
    job_store = job_store_on(deaf)
    deaf.deaf = True
    with pytest.raises(StorageUnavailable):
        finish_one(job_store, lease, result("hash", complete=complete))
    before = everything(library)
    ending = finish_one(job_store, lease, result("hash", complete=complete))
    assert ending is not None
    assert ending.state == ("done" if complete else "partial")
    assert (ending.failure.code if ending.failure else None) == (None if complete else "incomplete")
    assert finish_one(job_store, lease, result("hash", complete=complete)) == ending
    assert everything(library) == before
    assert len(library.rows("SELECT id FROM analyses")) == len(VERSIONS)


def test_a_quarantine_whose_answer_got_lost_is_told_again(library: Library) -> None:
    [lease] = leased(library)
    deaf = Deaf(library.database)
    job_store = job_store_on(deaf)
    deaf.deaf = True
    with pytest.raises(StorageUnavailable):
        job_store.fail(lease, HOPELESS, 1.0)
    before = everything(library)
    ending = job_store.fail(lease, HOPELESS, 1.0)
    assert ending is not None
    assert (ending.state, ending.failure) == ("quarantined", HOPELESS)
    assert everything(library) == before


def test_a_failure_whose_answer_got_lost_is_charged_once_and_told_again(library: Library) -> None:
    [lease] = leased(library)
    deaf = Deaf(library.database)
    job_store = job_store_on(deaf)
    deaf.deaf = True
    with pytest.raises(StorageUnavailable):
        job_store.fail(lease, FLAKY, 1.0)
    before = everything(library)
    ending = job_store.fail(lease, FLAKY, 1.0)
    assert ending is not None
    assert (ending.state, ending.failure) == ("retrying", FLAKY)
    assert ending.retry_in_s is not None
    assert everything(library) == before
    assert job_store.fail(lease, HOPELESS, 1.0) is None
    assert library.take().attempt == 2


@pytest.mark.parametrize("how", ["taken", "claimed"])
def test_a_job_that_was_given_in_an_answer_that_got_lost_goes_back_at_no_charge(
    library: Library, how: str
) -> None:
    [mine] = leased(library)
    library.meet(mine.run, b"2", b"3")
    others = library.take(worker="another")
    deaf = Deaf(library.database)
    deaf.deaf = True
    call = (
        functools.partial(take_one, job_store_on(deaf), mine.worker, None)
        if how == "taken"
        else functools.partial(claim_one, job_store_on(deaf), 3, mine.worker)
    )
    with pytest.raises(StorageUnavailable):
        call()
    assert claim_one(library.job_store, 3, mine.worker) == ClaimRefusal.NOT_WAITING
    assert library.job_store.give_back_except(mine.worker, [mine.job]) == 1
    assert library.job(mine.job)["state"] == "running"
    assert library.job(others.job)["state"] == "running"
    job = library.job(3)
    assert (job["state"], job["worker"], job["lease_until"]) == ("queued", None, None)
    assert job["attempts"] == job["uncharged_attempts"] == 1
    assert job["publish_due_at"] is not None
    assert library.job_store.give_back_except(mine.worker, [mine.job]) == 0
    assert library.job_store.give_back_except(mine.worker, []) == 1


def test_a_job_of_a_cancelled_run_that_no_worker_works_on_ends(library: Library) -> None:
    [lease] = leased(library)
    library.runs.cancel(lease.run)
    assert library.job_store.give_back_except(lease.worker, []) == 1
    assert library.job(lease.job)["state"] == "cancelled"
    assert library.job_store.depth(lease.run).open == 0


def test_what_was_given_back_in_an_answer_that_got_lost_is_uncharged_once(library: Library) -> None:
    [lease] = leased(library)
    deaf = Deaf(library.database)
    deaf.deaf = True
    with pytest.raises(StorageUnavailable):
        job_store_on(deaf).give_back([lease])
    before = everything(library)
    job_store_on(deaf).give_back([lease])
    assert everything(library) == before


def test_a_batch_whose_answer_got_lost_counts_once(library: Library) -> None:
    run, root = library.run(), library.root()
    deaf = Deaf(library.database)
    intake = Intake(deaf, VERSIONS, (), AGEING_S)
    batches = [[ScannedFile(found(b"%d" % number), FileChange.NEW)] for number in range(3)]
    assert intake.record(run, root, batches[0], None) == IntakeResult(to_analyse=1, enqueued=1)
    deaf.deaf = True
    with pytest.raises(StorageUnavailable):
        intake.record(run, root, batches[1], None)
    intake.record(run, root, batches[1], None)
    assert intake.record(run, root, batches[2], None) == IntakeResult(to_analyse=1, enqueued=1)
    assert library.runs.counts(run) == RunCounts(3, 0, 0, 0, 0, 3)
    assert [row["path"] for row in library.rows("SELECT path FROM files ORDER BY path")] == [b"0", b"1", b"2"]
    assert len(library.rows("SELECT id FROM jobs")) == 3


# Notes of jobs.


def test_a_note_of_a_job_that_ended_or_runs_or_never_was_is_done_with(library: Library) -> None:
    leases = leased(library, b"done", b"partial", b"quarantined", b"gone", b"running")
    finish_one(library.job_store, leases[0], result())
    finish_one(library.job_store, leases[1], result("2", complete=False))
    library.job_store.fail(leases[2], HOPELESS, 0.0)
    library.job_store.cancel(leases[3], GONE)
    before = everything(library)
    for job in [*(lease.job for lease in leases), 12345, 2**62]:
        assert claim_one(library.job_store, job, "another") == ClaimRefusal.NOT_WAITING
    assert everything(library) == before


def test_a_note_leases_its_job_and_counts_the_attempt(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1", b"2")
    lease = claim_one(library.job_store, 2, "w")
    assert isinstance(lease, Lease)
    assert (lease.job, lease.attempt, lease.worker, lease.path, lease.run) == (2, 1, "w", b"2", run)
    row = library.job(2)
    assert (row["state"], row["attempts"], row["publish_due_at"]) == ("running", 1, None)


def test_a_file_in_quarantine_keeps_what_was_read_of_it_until_it_is_analysed(library: Library) -> None:
    said = result("hash")
    read = ReadFile(Tags(title="Blue"), said.file, said.audio_hash, said.sound)
    [lease] = leased(library)
    library.job_store.fail(lease, FLAKY, 0.0, read=read)
    assert library.rows("SELECT title FROM tags") == []
    library.change("UPDATE jobs SET state = 'queued', not_before = NULL")
    library.job_store.fail(library.take(lease.run), HOPELESS, 0.0, read=read)
    [file] = library.failed()
    assert (file.title, file.container, file.codec) == ("Blue", said.file.container, said.sound.codec)
    assert library.file(lease.path)["complete"] is None
    assert stored_one(library.job_store, lease, said.audio_hash) == frozenset()
    library.retry()
    finish_one(library.job_store, library.take(), said)
    assert library.failed() == []
    assert library.file(lease.path)["state"] == "done"


def test_what_the_database_refuses_of_a_failed_file_does_not_hide_its_failure(library: Library) -> None:
    [lease] = leased(library)
    read = ReadFile(Tags(track=1 << 80))
    outcome = library.job_store.fail(lease, HOPELESS, 0.0, read=read)
    assert outcome is not None
    assert outcome.state == "quarantined"
    assert library.rows("SELECT title FROM tags") == []


def test_a_video_ends_without_a_failure_is_counted_as_one_and_is_not_opened_again(library: Library) -> None:
    [lease] = leased(library)
    library.job_store.cancel(lease, Failure(Fault.VIDEO.code, "It is a video.", "Leave it."))
    library.job_store.cancel(lease, Failure(Fault.VIDEO.code, "It is a video.", "Leave it."))
    assert library.file(lease.path)["state"] == "left-out"
    assert library.job(lease.job)["state"] == "cancelled"
    assert library.runs.left_out(lease.run) == {"video": 1}
    assert library.failed() == []
    again = library.run()
    library.meet(again, lease.path)
    assert library.runs.left_out(again) == {"video": 1}
    assert library.job_store.depth(again).open == 0
    library.meet(again, found(lease.path, mtime_ns=6))
    assert library.job_store.depth(again).open == 1


def test_a_message_that_comes_too_soon_is_sent_again_when_it_is_due(library: Library) -> None:
    slow = SqlJobStore(library.database, VERSIONS, Backoff(1e6, 1e6), 60)
    [lease] = leased(library)
    slow.fail(lease, FLAKY, 0.0)
    library.change("UPDATE jobs SET publish_due_at = NULL, published_at = 1")
    assert claim_one(library.job_store, lease.job, "w") == ClaimRefusal.EARLY
    row = library.job(lease.job)
    assert (row["state"], row["publish_due_at"], row["published_at"]) == ("retrying", row["not_before"], None)
    library.change("UPDATE jobs SET not_before = 1")
    again = claim_one(library.job_store, lease.job, "w")
    assert isinstance(again, Lease)
    assert again.attempt == 2


def test_a_message_of_a_paused_run_is_sent_again_when_the_run_is_resumed(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1")
    library.runs.pause(run)
    assert claim_one(library.job_store, 1, "w") == ClaimRefusal.PAUSED
    assert library.job(1)["publish_due_at"] is None
    library.runs.resume(run)
    assert library.job(1)["publish_due_at"] is not None
    assert isinstance(claim_one(library.job_store, 1, "w"), Lease)


def test_a_note_of_a_cancelled_run_is_done_with(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1")
    library.runs.cancel(run)
    assert claim_one(library.job_store, 1, "w") == ClaimRefusal.NOT_WAITING
    assert library.job(1)["state"] == "cancelled"


def test_a_note_that_is_more_urgent_than_the_latest_of_its_job_is_out_of_date(library: Library) -> None:
    library.meet(library.run(), b"1")
    library.change("UPDATE jobs SET publish_due_at = NULL, published_at = 1, published_level = 3")
    before = everything(library)
    assert claim_one(library.job_store, 1, "w", Level.HIGH) == ClaimRefusal.OUTDATED
    assert everything(library) == before
    library.change("UPDATE jobs SET publish_due_at = 1")  # no later one is out yet
    assert isinstance(claim_one(library.job_store, 1, "w", Level.HIGH), Lease)


@pytest.mark.parametrize("announced", [Level.LOW, Level.BACKGROUND])
def test_a_note_that_is_less_urgent_than_the_latest_of_its_job_is_as_good(
    library: Library, announced: Level
) -> None:
    library.meet(library.run(), b"1")
    library.change("UPDATE jobs SET publish_due_at = NULL, published_at = 1, published_level = 3")
    assert isinstance(claim_one(library.job_store, 1, "w", announced), Lease)


def test_whatever_makes_a_job_wait_makes_a_message_due(library: Library) -> None:
    """A waiting job whose message is not sent has one due: nothing else would bring it to a worker."""
    run = library.run()

    def has_due_message(job: int) -> bool:
        row = library.job(job)
        assert row["state"] in {"queued", "retrying"}
        return row["publish_due_at"] is not None

    library.meet(run, b"1")
    assert has_due_message(1)
    lease = library.take()
    library.job_store.give_back([lease])
    assert has_due_message(1)
    library.job_store.fail(library.take(), FLAKY, 0.0)
    assert has_due_message(1)
    library.take()
    assert library.outlive() == 1
    assert has_due_message(1)
    library.take()
    library.job_store.give_back_except(lease.worker, [])
    assert has_due_message(1)
    library.job_store.fail(library.take(), HOPELESS, 0.0)
    library.retry(None, partial=False)
    assert has_due_message(1)


# Two at the same moment.


def test_two_workers_that_finish_the_same_audio_at_the_same_moment_store_it_once(shared: Library) -> None:
    leases = leased(shared, *(b"%02d" % number for number in range(24)))
    for pair in zip(leases[::2], leases[1::2], strict=True):
        digest = f"same {pair[0].job}"
        same = result(digest)
        assert (
            all_at_once(*(functools.partial(finish_one, shared.job_store, lease, same) for lease in pair))
            == []
        )
    assert len(shared.rows("SELECT id FROM audio")) == 12
    assert len(shared.rows("SELECT id FROM analyses")) == 12 * len(VERSIONS)
    assert {row["state"] for row in shared.rows("SELECT state FROM jobs")} == {"done"}


def test_two_scans_that_meet_the_same_new_files_at_the_same_moment_take_them_in_once(
    shared: Library,
) -> None:
    root = shared.root()
    runs = [shared.run(), shared.run()]
    names = [b"%03d" % number for number in range(40)]

    def scan(run: int) -> None:
        intake = Intake(shared.database, VERSIONS, (), AGEING_S)
        for start in range(0, 40, 8):
            scanned_files = [ScannedFile(found(name), FileChange.NEW) for name in names[start : start + 8]]
            PATIENCE(functools.partial(intake.record, run, root, scanned_files, None))

    assert all_at_once(*(functools.partial(scan, run) for run in runs)) == []
    assert [row["path"] for row in shared.rows("SELECT path FROM files ORDER BY path")] == names
    assert len(shared.rows("SELECT id FROM jobs")) == 40
    counts = [shared.runs.counts(run) for run in runs]
    assert all(adds_up(count) for count in counts), counts
    assert sum(count.pending for count in counts) == 40


def test_a_scan_that_meets_what_others_are_finishing_counts_right(shared: Library) -> None:
    first = shared.run()
    names = [b"%03d" % number for number in range(12)]
    shared.meet(first, *names)
    known = {row.path: row for row in shared.files.known(shared.root(), b"", None, 100)}
    second = shared.run()

    def work() -> None:
        while (lease := PATIENCE(lambda: take_one(shared.job_store, "w", None))) is not None:
            finish = functools.partial(finish_one, shared.job_store, lease, result(lease.path.hex()))
            assert PATIENCE(finish) is not None

    def scan() -> None:
        intake = Intake(shared.database, VERSIONS, (), AGEING_S)
        for name in names:
            changed = [ScannedFile(found(name, mtime_ns=6), FileChange.CHANGED, known[name])]
            PATIENCE(functools.partial(intake.record, second, shared.root(), changed, None))

    assert all_at_once(work, scan) == []
    work()
    counts = [shared.runs.counts(run) for run in (first, second)]
    assert all(adds_up(count) for count in counts), counts
    assert counts[1].discovered == 12
    assert shared.job_store.depth(None).open == 0


def test_a_run_that_adopts_what_others_are_finishing_counts_right(shared: Library) -> None:
    first = shared.run()
    shared.meet(first, *(b"%03d" % number for number in range(30)))
    runs = [first]

    def work() -> None:
        while (lease := PATIENCE(lambda: take_one(shared.job_store, "w", None))) is not None:
            finish = functools.partial(finish_one, shared.job_store, lease, result(lease.path.hex()))
            assert PATIENCE(finish) is not None

    def adopt() -> None:
        for _ in range(10):
            runs.append(shared.run())
            PATIENCE(functools.partial(shared.runs.adopt_open, runs[-1]))

    assert all_at_once(work, adopt) == []
    work()
    counts = [shared.runs.counts(run) for run in runs]
    assert all(adds_up(count) for count in counts), counts
    assert sum(count.done for count in counts) == 30


def test_a_scan_whose_folder_is_taken_into_a_larger_one_meanwhile_ends_with_a_word(
    shared: Library, tmp_path: Path
) -> None:
    (tmp_path / "music" / "jazz").mkdir(parents=True)
    outer = os.fsencode(tmp_path / "music")
    inner = shared.roots.ensure(outer + b"/jazz")
    run = shared.run()
    recorded: list[bytes] = []

    def scan() -> None:
        for number in range(200):
            name = b"%03d" % number
            shared.intake.record(run, inner.root, [ScannedFile(found(name), FileChange.NEW)], None)
            recorded.append(name)

    def take_over() -> None:
        while len(recorded) < 3:
            time.sleep(0.001)
        shared.roots.ensure(outer)

    [told] = all_at_once(scan, take_over)
    assert isinstance(told, NotFound)
    [root] = shared.roots.every()
    assert root.root_path == outer
    rows = shared.rows("SELECT path, root_id FROM files ORDER BY path")
    assert rows == [{"path": b"jazz/" + name, "root_id": root.root} for name in recorded]
    assert shared.runs.counts(run) == RunCounts(len(recorded), 0, 0, 0, 0, len(recorded))
    assert shared.take().root == outer


# Runs that several follow.


def test_a_run_ends_when_its_last_job_has_whoever_did_it(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1", b"2")
    finish_one(library.job_store, library.take(run, "a"), result())
    library.runs.mark_scanned(run)
    assert library.runs.close_ended() == []
    library.job_store.fail(library.take(run, "b"), FLAKY, 0.0)
    assert library.runs.close_ended() == []
    finish_one(library.job_store, library.take(run, "b"), result())
    assert library.runs.close_ended() == [run]
    assert library.runs.close_ended() == []
    [view] = library.run_list.latest(10)
    assert (view.state, view.counts) == ("finished", RunCounts(2, 2, 0, 0, 0, 0))


def test_a_run_whose_scan_goes_on_has_not_ended(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1")
    finish_one(library.job_store, library.take(run), result())
    assert library.runs.close_ended() == []


def test_a_run_whose_scan_fell_silent_ends_as_interrupted_once_its_jobs_have(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1")
    library.change("UPDATE runs SET seen_at = seen_at - 1000")
    assert library.runs.close_ended() == []
    finish_one(library.job_store, library.take(run), result())
    assert library.runs.close_ended() == [run]
    assert library.run_list.latest(1)[0].state == "interrupted"


def test_a_run_that_was_cancelled_ends_as_such(library: Library) -> None:
    [lease] = leased(library, b"1")
    library.runs.cancel(lease.run)
    library.runs.mark_scanned(lease.run)
    assert library.runs.close_ended() == []
    library.job_store.give_back([lease])
    assert library.runs.close_ended() == [lease.run]
    assert library.state(lease.run) == RunState.CANCELLED


def test_several_who_look_at_once_end_a_run_once(shared: Library) -> None:
    run = shared.run()
    shared.runs.mark_scanned(run)
    ended: list[int] = []
    assert all_at_once(*[lambda: ended.extend(shared.runs.close_ended())] * 4) == []
    assert ended == [run]


def test_a_run_keeps_its_counts_when_a_later_one_continues_its_open_jobs(library: Library) -> None:
    live = library.run()
    library.meet(live, b"1", b"2", b"3", b"4")
    finish_one(library.job_store, library.take(live), result())
    in_hand = library.take(live)
    library.job_store.fail(library.take(live), FLAKY, 0.0)
    run = library.run()
    assert library.runs.adopt_open(run) == 3
    assert library.runs.counts(live) == RunCounts(4, 1, 0, 3, 0, 0)
    assert library.runs.counts(run) == RunCounts(3, 0, 0, 0, 0, 3)
    library.meet(live, b"5")
    finish_one(library.job_store, in_hand, result("2"))
    assert library.runs.counts(live) == RunCounts(5, 1, 0, 3, 0, 1)
    assert library.runs.counts(run) == RunCounts(3, 1, 0, 0, 0, 2)
    library.runs.mark_scanned(live)
    finish_one(library.job_store, library.take(live), result("5"))
    assert library.runs.close_ended() == [live]
    _, first = library.run_list.latest(2)
    assert (first.state, first.counts) == ("finished", RunCounts(5, 2, 0, 3, 0, 0))
    assert first.handed_over == {run: 3}


def test_a_file_that_was_retried_after_its_run_had_ended_is_not_said_to_be_handed_over(
    library: Library,
) -> None:
    run = library.run()
    library.meet(run, b"1", b"2")
    library.job_store.fail(library.take(run), HOPELESS, 0.0)
    library.runs.close(run, RunState.INTERRUPTED)
    assert library.retry(None, partial=False) == 1
    later = library.run()
    assert library.runs.adopt_open(later) == 2
    _, first = library.run_list.latest(2)
    assert (first.counts, first.handed_over) == (RunCounts(2, 0, 0, 1, 1, 0), {later: 1})


def test_a_file_in_quarantine_that_another_run_meets_counts_there(library: Library) -> None:
    live = library.run()
    library.meet(live, b"1", b"2")
    library.job_store.fail(library.take(live), HOPELESS, 0.0)
    run = library.run()
    assert library.meet(run, b"1") == IntakeResult(quarantined=1)
    assert library.runs.counts(run) == RunCounts(1, 0, 0, 0, 1, 0)
    assert library.runs.counts(live) == RunCounts(2, 0, 0, 0, 1, 1)
    assert library.meet(run, b"1") == IntakeResult(quarantined=1)
    assert library.runs.counts(run) == RunCounts(1, 0, 0, 0, 1, 0)


def test_several_runs_are_asked_for_at_once(library: Library) -> None:
    one, two, three = library.run(), library.run(), library.run()
    library.runs.pause(two)
    assert library.runs.states([one, two, 99]) == {one: RunState.RUNNING, two: RunState.PAUSED}
    assert library.runs.states([]) == {}
    assert library.state(three) == RunState.RUNNING


def test_jobs_are_listed_as_they_are_taken_with_their_place_among_all_that_wait(library: Library) -> None:
    run, other = library.run(), library.run()
    library.meet(run, b"done")
    finish_one(library.job_store, library.take(), result())
    library.meet(run, b"running", level=Level.CRITICAL)
    library.take()
    library.meet(run, b"retrying", level=Level.HIGH)
    library.job_store.fail(library.take(), FLAKY, 0.0)
    library.meet(other, b"1", b"2")
    library.meet(run, b"3", level=Level.LOW)

    def listed(*states: JobState, of: int | None = None, limit: int = 10) -> list[tuple[bytes, int | None]]:
        shown = library.job_list.first(states or OPEN, None, of, limit)
        return [(job.path.removeprefix(b"/music/"), job.queue_position) for job in shown]

    waiting = [(b"retrying", 1), (b"1", 2), (b"2", 3), (b"3", 4)]
    assert listed() == [(b"running", None), *waiting]
    assert listed(*JobState) == [(b"running", None), *waiting, (b"done", None)]
    assert listed(*JobState, limit=3) == [(b"running", None), *waiting[:2]]
    assert listed(JobState.QUEUED) == waiting[1:]
    assert listed(of=other) == waiting[1:3]
    assert [
        job.queue_position for job in library.job_list.first(OPEN, Place(1, b"/music", b"3"), None, 10)
    ] == [4]


# Orders over very many jobs.


def test_orders_over_more_jobs_than_one_step_takes_reach_all(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_update, "BATCH_JOBS", 2)
    paths = [b"%d.flac" % number for number in range(7)]
    run = library.run()
    library.meet(run, *paths)
    place = Place(library.root(), b"/music", b"")
    assert library.queue_admin.prioritize(place, Level.HIGH) == 7
    library.runs.pause(run)
    library.change("UPDATE jobs SET publish_due_at = NULL")
    library.runs.resume(run)
    assert library.rows("SELECT count(*) AS jobs FROM jobs WHERE publish_due_at IS NOT NULL") == [{"jobs": 7}]
    assert library.runs.adopt_open(other := library.run()) == 7
    assert library.runs.counts(other).pending == library.runs.counts(other).discovered == 7
    assert library.runs.counts(run) == RunCounts(7, 0, 0, 7, 0, 0)
    assert library.run_list.latest(2)[1].handed_over == {other: 7}
    assert library.runs.cancel(other) == 7
    assert library.runs.counts(other) == RunCounts(7, 0, 0, 7, 0, 0)


def test_a_cancel_that_was_cut_off_is_finished_by_the_next(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1", b"2")
    library.change("UPDATE runs SET state = 'cancelled'")
    assert library.runs.cancel(run) == 2
    with pytest.raises(NotFound, match="cancelled already"):
        library.runs.cancel(run)


def test_a_cancel_that_was_cut_off_is_finished_by_whoever_looks_after_the_runs(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1", b"2")
    library.runs.mark_scanned(run)
    library.change("UPDATE runs SET state = 'cancelled'")
    assert library.runs.close_ended() == [run]
    assert library.runs.counts(run) == RunCounts(2, 0, 0, 2, 0, 0)


def test_a_resume_that_was_cut_off_is_finished_by_the_next(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1", b"2", b"3")
    library.runs.pause(run)
    library.change("UPDATE jobs SET publish_due_at = NULL")
    library.change("UPDATE jobs SET published_level = 2 WHERE id = 3")
    library.change("UPDATE runs SET state = 'running'")
    library.runs.resume(run)
    assert [library.job(job)["publish_due_at"] is not None for job in (1, 2, 3)] == [True, True, False]
    with pytest.raises(NotFound, match=f"run {run} is running, not paused"):
        library.runs.resume(run)


def test_what_is_retried_of_a_cancelled_run_is_taken(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1", b"2")
    library.job_store.fail(library.take(), HOPELESS, 0.0)
    library.runs.cancel(run)
    assert library.retry(None, partial=False) == 1
    lease = library.take(run=None)
    assert lease.run != run
    assert library.runs.counts(lease.run).pending == 1
    assert library.runs.counts(run) == RunCounts(2, 0, 0, 1, 1, 0)
    finish_one(library.job_store, lease, result())
    assert library.runs.close_ended() == [lease.run]
