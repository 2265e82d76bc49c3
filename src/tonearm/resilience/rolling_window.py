"""Counts the calls of the last seconds in a fixed number of sums."""

from collections import deque
from dataclasses import dataclass

PARTS = 30


@dataclass(slots=True)
class Tally:
    """Numbers of all calls, of failed calls and of slow calls."""

    calls: int = 0
    failed: int = 0
    slow: int = 0

    def add(self, failed: bool, slow: bool) -> None:
        """Count one call."""
        self.calls += 1
        self.failed += failed
        self.slow += slow

    @property
    def failure_rate(self) -> float:
        """Share of the calls that failed, 0 to 1."""
        return self.failed / self.calls if self.calls else 0.0

    @property
    def slow_rate(self) -> float:
        """Share of the calls that were slow, 0 to 1."""
        return self.slow / self.calls if self.calls else 0.0


class TimeWindow:
    """Counts the calls of the last ``seconds`` in 30 parts of equal length; the oldest part is removed as a whole.

    A call is therefore counted for 29 to 30 thirtieths of ``seconds``.
    """

    def __init__(self, seconds: float) -> None:
        self._part_s = seconds / PARTS
        self._parts: deque[tuple[int, Tally]] = deque()
        self.total = Tally()

    def add(self, now: float, failed: bool, slow: bool) -> Tally:
        """Count a call that ended now; returns the sums over the window, which the caller must not change."""
        number = int(now // self._part_s)
        while self._parts and self._parts[0][0] <= number - PARTS:
            _, old = self._parts.popleft()
            self.total.calls -= old.calls
            self.total.failed -= old.failed
            self.total.slow -= old.slow
        if not self._parts or self._parts[-1][0] < number:
            self._parts.append((number, Tally()))
        self._parts[-1][1].add(failed, slow)
        self.total.add(failed, slow)
        return self.total

    def clear(self) -> None:
        """Remove every call."""
        self._parts.clear()
        self.total = Tally()
