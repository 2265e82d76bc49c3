"""How the calls of the last seconds went, in a few sums whatever their number."""

from collections import deque
from dataclasses import dataclass

PARTS = 30


@dataclass(slots=True)
class Tally:
    """How many calls there were, how many of them failed, how many were slow."""

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
    """The calls of the last ``seconds``, summed by thirtieths of it: a thirtieth leaves the window as a whole.

    A call therefore counts for 29 to 30 thirtieths of the window's length.
    """

    def __init__(self, seconds: float) -> None:
        self._part_s = seconds / PARTS
        self._parts: deque[tuple[int, Tally]] = deque()
        self.total = Tally()

    def add(self, now: float, failed: bool, slow: bool) -> Tally:
        """Count a call that ended now; returns the sums over the window, which is not to be changed."""
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
        """Forget every call."""
        self._parts.clear()
        self.total = Tally()
