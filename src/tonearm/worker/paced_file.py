"""A file that is not read faster than a number of bytes a second."""

import io
import time
from collections.abc import Callable

BLOCK_BYTES = 1 << 16
"""What was read before costs nothing, as it comes from the system's memory. This is remembered by blocks."""
AHEAD_S = 0.25
"""Seconds by which reading may be ahead of its pace, so that not every small read is followed by a pause."""


class PacedFile(io.FileIO):
    """An open file whose reading pauses when it is ahead of its pace."""

    def __init__(
        self,
        descriptor: int,
        bytes_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``descriptor``: is closed with this object."""
        super().__init__(descriptor, "r", closefd=True)
        self._bytes_s = bytes_s
        self._clock = clock
        self._sleep = sleep
        self._blocks: set[int] = set()
        self._paid_until = clock()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to ``size`` bytes, then pause if that was too fast."""
        begin = self.tell()
        data = super().read(size) or b""
        if data:
            self._pace(begin, begin + len(data))
        return data

    def _pace(self, begin: int, end: int) -> None:
        touched = set(range(begin // BLOCK_BYTES, (end - 1) // BLOCK_BYTES + 1)) - self._blocks
        if not touched:
            return
        self._blocks |= touched
        now = self._clock()
        self._paid_until = max(self._paid_until, now) + len(touched) * BLOCK_BYTES / self._bytes_s
        ahead_s = self._paid_until - now
        if ahead_s > AHEAD_S:
            self._sleep(ahead_s)
