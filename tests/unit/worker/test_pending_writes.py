"""No result is lost because the disk is full or the database is locked."""

import functools
import select
import threading
import time
from collections.abc import Iterator

import pytest

from tests.clock import Clock
from tonearm.errors import StorageBusy, StorageError, StorageFull, StorageUnavailable, StorageUnusable
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.worker import pending_writes as pending_writes_module
from tonearm.worker.pending_writes import PAUSE_S, PendingWrites
from tonearm.worker.storing_thread import StoringThread


class Disk:
    """A store that can be out of order."""

    def __init__(self) -> None:
        self.trouble: StorageError | None = None
        self.stored: list[str] = []
        self.asked = 0

    def store(self, what: str) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        self.stored.append(what)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pending_writes_module, "time", clock)
    return clock


def add(pending: PendingWrites, disk: Disk, *things: str) -> None:
    for thing in things:
        pending.add(functools.partial(disk.store, thing))


def keep_trying(pending: PendingWrites, clock: Clock, seconds: float) -> None:
    until = clock.now + seconds
    while clock.now < until:
        pending.flush()
        clock.now += 0.25


def test_what_can_be_stored_is_stored_at_once(disk: Disk) -> None:
    pending = PendingWrites(10)
    add(pending, disk, "a", "b")
    assert disk.stored == ["a", "b"]
    assert not pending.has_pending
    assert pending.failure is None


@pytest.mark.parametrize("trouble", [StorageFull("no room"), StorageBusy("held")])
def test_what_cannot_be_stored_now_is_stored_later_in_its_order(
    disk: Disk, trouble: StorageError, clock: Clock
) -> None:
    pending = PendingWrites(10)
    add(pending, disk, "a")
    disk.trouble = trouble
    add(pending, disk, "b", "c")
    assert (pending.has_pending, pending.failure) == (True, str(trouble))
    disk.trouble = None
    add(pending, disk, "d")
    assert disk.stored == ["a"]  # not before its pause is over, and never past what waits
    clock.now += PAUSE_S
    pending.flush()
    assert disk.stored == ["a", "b", "c", "d"]
    assert (pending.has_pending, pending.failure) == (False, None)


@pytest.mark.usefixtures("clock")
def test_a_failing_database_is_not_tried_all_the_time(disk: Disk) -> None:
    pending = PendingWrites(10)
    disk.trouble = StorageFull("no room")
    add(pending, disk, "a")
    for _ in range(1000):
        pending.flush()
    assert disk.asked == 1


def test_it_gives_up_when_nothing_was_stored_for_too_long(disk: Disk, clock: Clock) -> None:
    pending = PendingWrites(60)
    disk.trouble = StorageFull("no room")
    add(pending, disk, "a")
    began = clock.now
    with pytest.raises(StorageFull, match="no room"):
        keep_trying(pending, clock, 300)
    assert 60 <= clock.now - began <= 60 + 2 * PAUSE_S
    assert pending.has_pending


def test_a_full_disk_that_can_be_read_is_still_full(disk: Disk, clock: Clock) -> None:
    pending = PendingWrites(60)
    disk.trouble = StorageFull("no room")
    add(pending, disk, "a")
    began = clock.now

    def go_on() -> None:
        while clock.now < began + 300:
            pending.flush()
            clock.now += 0.3
            pending.read(lambda: "an answer")  # from time to time just after the pause
            pending.write(lambda: "nothing to change")
            assert pending.failure == "no room"

    with pytest.raises(StorageFull, match="no room"):
        go_on()
    assert pending.has_pending


def test_a_failed_change_is_a_failure_until_a_change_succeeds(disk: Disk, clock: Clock) -> None:
    pending = PendingWrites(10)
    disk.trouble = StorageFull("no room")
    assert pending.write(lambda: disk.store("a")) is None
    clock.now += PAUSE_S
    assert pending.read(lambda: 7) == 7
    assert pending.failure == "no room"
    disk.trouble = None
    pending.write(lambda: disk.store("a"))
    assert pending.failure is None


def test_a_server_that_answers_is_available_again(disk: Disk, clock: Clock) -> None:
    pending = PendingWrites(0)
    disk.trouble = StorageUnavailable("gone")
    add(pending, disk, "a")
    clock.now += PAUSE_S
    assert pending.read(lambda: 7) == 7
    assert (pending.failure, pending.has_pending) == (None, True)


def test_the_time_counts_from_the_last_success(disk: Disk, clock: Clock) -> None:
    pending = PendingWrites(60)
    for number in range(4):
        disk.trouble = StorageFull("no room")
        add(pending, disk, f"{number}")
        keep_trying(pending, clock, 40)
        disk.trouble = None
        clock.now += PAUSE_S
        pending.flush()
        assert not pending.has_pending
    assert disk.stored == ["0", "1", "2", "3"]


def test_a_failure_of_another_kind_is_not_waited_for(disk: Disk) -> None:
    pending = PendingWrites(10)
    disk.trouble = StorageUnusable("not a database")
    with pytest.raises(StorageUnusable):
        add(pending, disk, "a")


def test_a_read_returns_its_answer_or_none_while_the_database_fails(disk: Disk, clock: Clock) -> None:
    pending = PendingWrites(10)
    assert pending.read(lambda: 7) == 7
    disk.trouble = StorageBusy("held")
    assert pending.read(lambda: disk.store("x")) is None
    assert pending.failure == "held"
    asked = disk.asked
    assert pending.read(lambda: disk.store("x")) is None
    assert disk.asked == asked
    clock.now += PAUSE_S
    assert pending.read(lambda: 8) == 8
    assert pending.failure is None


@pytest.fixture
def thread() -> Iterator[StoringThread]:
    thread = StoringThread(LoopTurns())
    yield thread
    thread.close()


def loop_until_written(pending: PendingWrites, thread: StoringThread) -> None:
    """What a loop does that waits for the thread."""
    while pending.has_pending:
        assert select.select([thread.ended], [], [], 60)[0]
        pending.flush()


def test_the_loop_goes_on_during_a_write_and_does_itself_what_follows(thread: StoringThread) -> None:
    pending = PendingWrites(10, thread)
    go_on = threading.Event()
    threads: list[str] = []

    def store() -> int:
        threads.append(threading.current_thread().name)
        assert go_on.wait(60)
        return 7

    pending.add(store, lambda answer: threads.append(f"{answer} in {threading.current_thread().name}"))
    pending.flush()
    assert pending.is_writing
    go_on.set()
    loop_until_written(pending, thread)
    assert threads == ["storing", f"7 in {threading.current_thread().name}"]


def test_writes_of_the_thread_keep_their_order_over_a_failure(
    disk: Disk, thread: StoringThread, clock: Clock
) -> None:
    pending = PendingWrites(10, thread)
    disk.trouble = StorageUnavailable("gone")
    add(pending, disk, "a", "b")
    while pending.is_writing:  # the failure may have been seen already
        assert thread.wait(60)
        pending.flush()
    assert (pending.failure, pending.has_pending) == ("gone", True)
    disk.trouble = None
    clock.now += PAUSE_S
    pending.flush()
    loop_until_written(pending, thread)
    assert disk.stored == ["a", "b"]
    assert pending.failure is None


def test_at_the_end_the_writes_that_wait_are_made(disk: Disk, thread: StoringThread) -> None:
    pending = PendingWrites(10, thread)
    pending.add(lambda: time.sleep(0.05))
    add(pending, disk, "a", "b")
    pending.settle(60)
    assert disk.stored == ["a", "b"]


def test_at_the_end_a_write_that_does_not_return_is_left(thread: StoringThread) -> None:
    pending = PendingWrites(10, thread)
    go_on = threading.Event()
    pending.add(go_on.wait)
    pending.settle(0.05)
    go_on.set()
    assert pending.has_pending


def test_a_write_that_is_made_once_is_answered_with_nothing_when_it_fails(disk: Disk) -> None:
    pending = PendingWrites(10)
    answers: list[object] = []
    disk.trouble = StorageFull("no room")
    pending.add_once(lambda: disk.store("a"), answers.append)
    assert (answers, pending.has_pending, pending.failure) == ([None], False, "no room")
