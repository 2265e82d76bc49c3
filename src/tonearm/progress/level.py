"""The speed of the machine under its load."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

UNKNOWN_SPREAD = 3.0
"""Standard deviation of the level when nothing is known."""
SPREAD = 0.3
SPREAD_RUNS = 2.0
"""Standard deviation of the level between runs before anything is known, and the weight of that, in runs."""
DRIFT = 0.02
"""Standard deviation by which the present level changes in a second."""
MEAN_DRIFT = 0.003
"""The same for the mean level."""
RETURN_S = 30.0
"""Seconds in which the load has returned most of the way to its mean."""


@dataclass(slots=True)
class Level:
    """The natural logarithm of the seconds of work for a second of audio of effort 1.

    now: as it is at present, by a Kalman filter of a random walk. mean: over the whole run. The load returns to its
    mean in about ``RETURN_S``, so the level ahead lies between the two.
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
        """The mean level in the time that begins now."""
        share = -math.expm1(-seconds / RETURN_S) * RETURN_S / seconds if seconds > 0 else 1.0
        return self.mean + share * (self.now - self.mean)


def earlier_level(levels: Sequence[tuple[float, float]]) -> Level:
    """What is expected after runs with these levels, given with their weights."""
    weight = sum(weight for _, weight in levels)
    mean = sum(level * weight for level, weight in levels) / weight
    between = sum((level - mean) ** 2 for level, _ in levels)
    return Level(mean, (SPREAD**2 * SPREAD_RUNS + between) / (SPREAD_RUNS + len(levels)))
