"""A lock that one of several threads holds while it computes, and gives up while it waits.

Python computes in one thread at a time anyway. Two threads that both compute take the interpreter from each other at
nearly every system call, and a switch costs more than the call. With this lock they alternate only where one of them
has to wait: for messages, for the answer of a server, or for the disk.

Nothing depends on the lock: who does not get it within ``LIMIT_S``, because its holder waits without saying so, goes on
without it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT_S = 0.05
"""Maximum seconds to wait for the lock."""


class _OfThread(threading.local):
    """State of one thread. lock: the one that it shares with others, if any. held: whether it has it now."""

    lock: "ComputeLock | None" = None
    held = False


_own = _OfThread()


class ComputeLock:
    """Held by one thread at a time, each of which computes for itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = threading.Lock()  # of the thread that waits for the other one

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock in the calling thread, except where it calls ``begin_waiting``."""
        _own.lock = self
        self.take()
        try:
            yield
        finally:
            self.give_up()
            _own.lock = None

    def take(self) -> None:
        """Take the lock, after those that came before; or go on without it after ``LIMIT_S``."""
        if not _own.held and self._next.acquire(timeout=LIMIT_S):
            _own.held = self._lock.acquire(timeout=LIMIT_S)
            self._next.release()

    def give_way(self) -> None:
        """Let another thread compute that waits for the lock, if there is one."""
        if self._next.locked():
            self.give_up()
            self.take()

    def give_up(self) -> None:
        """Give up the lock, if the calling thread has it."""
        if _own.held:
            _own.held = False
            self._lock.release()


def begin_waiting() -> None:
    """Note that the calling thread begins to wait; the lock that it holds, if any, is given up."""
    if _own.lock is not None:
        _own.lock.give_up()


def end_waiting() -> None:
    """Note that the calling thread has waited, and take back the lock."""
    if _own.lock is not None:
        _own.lock.take()


def give_way() -> None:
    """Let another thread compute that waits for the lock of the calling thread, between two pieces of its work."""
    if _own.lock is not None:
        _own.lock.give_way()


@contextmanager
def waiting() -> Iterator[None]:
    """Give up the lock of the calling thread, if it holds one, during the block."""
    begin_waiting()
    try:
        yield
    finally:
        end_waiting()
