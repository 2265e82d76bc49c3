"""Threads that share the lock compute in turn, and none of them is held up by one that waits without saying so."""

import threading
import time
from collections.abc import Callable

import pytest

from tonearm.resilience import compute_lock
from tonearm.resilience.compute_lock import ComputeLock, begin_waiting, end_waiting, give_way, waiting


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_thread_computes_while_another_one_waits_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_lock, "LIMIT_S", 20.0)
    lock, order = ComputeLock(), list[str]()

    def other() -> None:
        with lock.held():
            order.append("other")

    with lock.held():
        thread = in_thread(other)
        while not lock._next.locked():
            time.sleep(0.001)
        order.append("first")
        with waiting():
            thread.join(10)
        order.append("first again")
    assert order == ["first", "other", "first again"]


def test_a_thread_that_gives_way_goes_on_after_the_one_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_lock, "LIMIT_S", 20.0)
    lock, order = ComputeLock(), list[str]()

    def other() -> None:
        with lock.held():
            order.append("other")

    with lock.held():
        give_way()  # nobody waits
        thread = in_thread(other)
        while not lock._next.locked():
            time.sleep(0.001)
        order.append("first")
        give_way()
        order.append("first again")
    thread.join(10)
    assert order == ["first", "other", "first again"]


def test_a_holder_that_does_not_say_that_it_waits_holds_up_nobody_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compute_lock, "LIMIT_S", 0.01)
    lock, computed = ComputeLock(), threading.Event()

    def other() -> None:
        with lock.held():
            computed.set()

    with lock.held():
        in_thread(other)
        assert computed.wait(10)
    with lock.held():  # what the other one did not have it did not give up
        assert lock._lock.locked()


def test_to_wait_without_the_lock_or_twice_changes_nothing() -> None:
    begin_waiting()
    end_waiting()
    give_way()
    lock = ComputeLock()
    with lock.held():
        end_waiting()
        begin_waiting()
        begin_waiting()
        assert not lock._lock.locked()
        end_waiting()
        assert lock._lock.locked()
    assert not lock._lock.locked()
