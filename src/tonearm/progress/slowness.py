"""How slow the machine is under its load."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

UNKNOWN_SPREAD = 3.0
"""Standard deviation of the slowness when nothing is known."""
SPREAD = 0.3
SPREAD_RUNS = 2.0
"""Standard deviation of the slowness between runs before anything is known, and the weight of that, in runs."""
DRIFT = 0.02
"""Standard deviation by which the present slowness changes in a second."""
MEAN_DRIFT = 0.003
"""The same for the mean slowness."""
RETURN_S = 30.0
"""Seconds in which the load has returned most of the way to its mean."""


@dataclass(slots=True)
class Slowness:
    """The natural logarithm of the seconds of work for a second of audio of effort 1.

    now: as it is at present, by a Kalman filter of a random walk. mean: over the whole run. The load returns to its
    mean in about ``RETURN_S``, so the slowness ahead lies between the two.
    """

    now: float = 0.0
    variance: float = UNKNOWN_SPREAD**2
    mean: float = field(init=False)
    mean_variance: float = field(init=False)

    def __post_init__(self) -> None:
        self.mean, self.mean_variance = self.now, self.variance

    def learn(self, value: float, variance: float) -> None:
        """Add what a file showed."""
        gain = self.variance / (self.variance + variance)
        self.now += gain * (value - self.now)
        self.variance *= 1 - gain
        gain = self.mean_variance / (self.mean_variance + variance)
        self.mean += gain * (value - self.mean)
        self.mean_variance *= 1 - gain

    def passed(self, seconds: float) -> None:
        """The load may have changed in this time."""
        self.variance += DRIFT**2 * seconds
        self.mean_variance += MEAN_DRIFT**2 * seconds

    def ahead(self, seconds: float) -> float:
        """The mean slowness in the time that begins now."""
        share = -math.expm1(-seconds / RETURN_S) * RETURN_S / seconds if seconds > 0 else 1.0
        return self.mean + share * (self.now - self.mean)


def earlier_slowness(slownesses: Sequence[tuple[float, float]]) -> Slowness:
    """What is expected after runs with these slownesses, given with their weights."""
    weight = sum(weight for _, weight in slownesses)
    mean = sum(slowness * weight for slowness, weight in slownesses) / weight
    between = sum((slowness - mean) ** 2 for slowness, _ in slownesses)
    return Slowness(mean, (SPREAD**2 * SPREAD_RUNS + between) / (SPREAD_RUNS + len(slownesses)))
