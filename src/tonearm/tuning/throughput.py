"""How fast each round was, on the same mix of files whichever it got to.

A round lasts some seconds, and each gets to other files: with more workers to more of them. So the time of a file is
taken to be the product of two numbers, of the file and of the round, which are fitted to all that was measured. The
speed of a round is then its number of busy slots by the time that the average file takes in it.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TURNS = 30
"""Turns of the fit; it changes by less than a thousandth after ten."""


@dataclass(frozen=True, slots=True)
class RoundTimes:
    """The seconds that files took in a round, and how many slots were busy on average."""

    busy_slots: float
    seconds: Sequence[tuple[bytes, float]]


def speeds(rounds: Sequence[RoundTimes]) -> list[float]:
    """Files a second in each round, as if each had worked on the same mix of all files; 0 for one without a file."""
    slowness = [1.0] * len(rounds)
    cost: Mapping[bytes, float] = {}
    for _ in range(TURNS):
        cost = _costs(rounds, slowness)
        slowness = [
            sum(taken for _, taken in each.seconds) / sum(cost[path] for path, _ in each.seconds)
            if each.seconds
            else 1.0
            for each in rounds
        ]
    if not cost:
        return [0.0] * len(rounds)
    mean = statistics.fmean(cost.values())
    return [
        each.busy_slots / (slow * mean) if each.seconds else 0.0
        for each, slow in zip(rounds, slowness, strict=True)
    ]


def _costs(rounds: Sequence[RoundTimes], slowness: Sequence[float]) -> dict[bytes, float]:
    """The seconds of each file in a round of slowness 1."""
    found: dict[bytes, list[float]] = {}
    for each, slow in zip(rounds, slowness, strict=True):
        for path, taken in each.seconds:
            found.setdefault(path, []).append(taken / slow)
    return {path: statistics.fmean(taken) for path, taken in found.items()}


@dataclass(frozen=True, slots=True)
class Speed:
    """Files an hour, measured several times."""

    repeats: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.repeats)

    @property
    def low(self) -> float:
        """The least."""
        return min(self.repeats)

    @property
    def high(self) -> float:
        """The greatest."""
        return max(self.repeats)

    @property
    def spread(self) -> float:
        """Half the range, as a share of the middle."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0

    def is_above(self, other: "Speed", margin: float) -> bool:
        """Whether it is more than ``margin`` above another, and so each time it was measured."""
        return self.median > other.median * (1 + margin) and self.low > other.high
