"""Limits the memory and the time of code whose behaviour depends on the contents of a file."""

import mmap
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

if sys.platform != "win32":
    import resource

STEP_BYTES = 1 << 20
MOST_BYTES = 1 << 37


class TimeIsUp(BaseException):
    """The time limit has passed. Not an ``Exception``, so that no library catches it."""


@contextmanager
def bounded(memory_bytes: int, seconds: float) -> Iterator[None]:
    """Limit the code inside to this much additional memory, in bytes, and to this many seconds.

    Raises ``MemoryError`` beyond the one limit and ``TimeIsUp`` beyond the other. Memory is limited for the whole
    process, on Linux only; time in the main thread only, because signals arrive there.
    """
    with _memory(memory_bytes), _time(seconds):
        yield


@contextmanager
def _memory(further_bytes: int) -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    ceiling = MOST_BYTES if soft == resource.RLIM_INFINITY else soft
    try:
        wanted = _private_bytes(ceiling, hard) + further_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (min(wanted, ceiling), hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _private_bytes(ceiling: int, hard: int) -> int:
    """Return the private memory of this process, rounded up to ``STEP_BYTES``.

    It is found by lowering the limit until a page is refused: /proc cannot be opened in a sealed process.
    """
    low, high = 0, ceiling
    while high - low > STEP_BYTES:
        middle = (low + high) // 2
        try:
            resource.setrlimit(resource.RLIMIT_DATA, (middle, hard))
            mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
            high = middle
        except (OSError, MemoryError):
            low = middle
    return high


@contextmanager
def _time(seconds: float) -> Iterator[None]:
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return

    def time_is_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, time_is_up)
    waiting = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *waiting)
