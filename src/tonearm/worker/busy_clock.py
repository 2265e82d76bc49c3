"""For how long a thread had something to compute, whether it had a processor or waited for one."""

import os

STATISTICS = "/proc/self/task/{}/schedstat"
"""Begins with the nanoseconds for which a thread has run, and has waited for a processor (Linux, sched-stats)."""


class BusyClock:
    """Reads the statistics of one thread of this process. They are opened at once: a child can open nothing later."""

    def __init__(self, native_id: int) -> None:
        self._busy_s = 0.0
        try:
            self._file: int | None = os.open(STATISTICS.format(native_id), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # not Linux, or the thread has ended
            self._file = None
        self.passed_s()

    def passed_s(self) -> float | None:
        """Seconds since the last call in which the thread was busy; ``None`` where that is not known."""
        if self._file is None:
            return None
        try:
            busy_s = sum(map(int, os.pread(self._file, 100, 0).split()[:2])) / 1e9
        except (OSError, ValueError):
            return None
        passed_s, self._busy_s = busy_s - self._busy_s, busy_s
        return passed_s

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
