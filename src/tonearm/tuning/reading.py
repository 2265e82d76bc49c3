"""How fast files are read from their disk or server, past the memory in which the kernel keeps what was read."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

BLOCK = 1 << 18
LOOKS = 8
"""Places of a file that are looked at to find out whether it is in memory."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading gave.

    one_mb_s, several_mb_s: megabytes a second by one reader, and by ``readers`` at the same time. cold: whether the
    files came from the disk; ``None`` where the system does not tell.
    """

    one_mb_s: float
    several_mb_s: float
    readers: int
    cold: bool | None


def drop(path: bytes) -> None:
    """Have the kernel forget what it keeps of a file; without effect where it can't, or the file can't be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return
    try:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError:
        return
    finally:
        os.close(descriptor)


def is_in_memory(path: bytes) -> bool | None:
    """Whether any part of a file that is looked at can be read without waiting; ``None`` where that is not told."""
    if not hasattr(os, "RWF_NOWAIT"):
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        return any(_is_here(descriptor, size * part // LOOKS) for part in range(LOOKS))
    except OSError:  # this file system does not support it
        return None
    finally:
        os.close(descriptor)


def _is_here(descriptor: int, offset: int) -> bool:
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT) > 0
    except BlockingIOError:
        return False


def measure_reading(
    paths: Sequence[bytes], seconds: float, readers: int, stopping: Callable[[], bool]
) -> Reading:
    """Read files one after the other, then by several readers, each for at most ``seconds``."""
    for path in paths:
        drop(path)
    told = [is_in_memory(path) for path in paths[:LOOKS]]
    cold = None if None in told else not any(told)
    one = _speed(paths, seconds, 1, stopping)
    for path in paths:
        drop(path)
    return Reading(one, _speed(paths, seconds, readers, stopping), readers, cold)


def _speed(paths: Sequence[bytes], seconds: float, readers: int, stopping: Callable[[], bool]) -> float:
    """Megabytes a second."""
    left = list(reversed(paths))
    read = [0] * readers
    began = time.monotonic()

    def run(number: int) -> None:
        buffer = bytearray(BLOCK)
        while left and not stopping():
            try:
                path = left.pop()
                with open(path, "rb", buffering=0) as file:
                    while (got := file.readinto(buffer)) and time.monotonic() - began < seconds:
                        read[number] += got
            except (OSError, IndexError):  # another reader took the last one
                continue
            if time.monotonic() - began >= seconds:
                return

    threads = [threading.Thread(target=run, args=(number,), name="reader") for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(read) / 1e6 / max(time.monotonic() - began, 1e-6)
