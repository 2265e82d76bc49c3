"""Parts beats into stretches of one tempo: the anchors of a beat grid. Pure functions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TOLERANCE_S = 0.025
"""A beat that is farther from a straight line through the first one of a stretch begins another stretch."""
GAP = 1.8
"""An interval this many times as long as the one before it is a gap without beats."""
SAME_TEMPO = 0.001
"""Share within which the tempo of the only stretch is that of the track, which was measured more exactly."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a stretch of one tempo begins. number: of the beats before it, from 0."""

    at_s: float
    bpm: float
    number: int


def anchors(beats: Sequence[float], bpm: float | None) -> list[Anchor]:
    """The anchors of some beats; ``bpm``: the tempo of the track. Fewer than two beats have none."""
    found: list[Anchor] = []
    number = 0
    stretches = list(_stretches(beats))
    for place, (start, last) in enumerate(stretches):
        if place:
            before = stretches[place - 1][1]
            gap_s = beats[start] - beats[before]
            number += stretches[place - 1][1] - stretches[place - 1][0] + round(gap_s * found[-1].bpm / 60)
        only = bpm if len(stretches) == 1 else None
        found.append(_fitted(beats[start : last + 1], number, only))
    return found


def _stretches(beats: Sequence[float]) -> Iterator[tuple[int, int]]:
    """The first and the last beat of each stretch; two that meet share a beat, a gap lies between others."""
    start = 0
    while start < len(beats) - 1:
        last = _last_in_line(beats, start)
        yield start, last
        start = last
        if last + 1 < len(beats) and beats[last + 1] - beats[last] > GAP * (beats[last] - beats[last - 1]):
            start = last + 1


def _last_in_line(beats: Sequence[float], start: int) -> int:
    """The last of the beats that lie on one straight line through the first one."""
    least, most = 0.0, float("inf")
    for number in range(start + 1, len(beats)):
        count, since_s = number - start, beats[number] - beats[start]
        least, most = max(least, (since_s - TOLERANCE_S) / count), min(most, (since_s + TOLERANCE_S) / count)
        if least > most:
            return number - 1
    return len(beats) - 1


def _fitted(beats: Sequence[float], number: int, bpm: float | None) -> Anchor:
    """The straight line that is nearest to the beats of a stretch."""
    count = len(beats)
    centre, mean_s = (count - 1) / 2, sum(beats) / count
    spread = sum((place - centre) ** 2 for place in range(count))
    period_s = sum((place - centre) * (at - mean_s) for place, at in enumerate(beats)) / spread
    if bpm and abs(bpm * period_s / 60 - 1) < SAME_TEMPO:
        period_s = 60 / bpm
    return Anchor(max(0.0, mean_s - centre * period_s), 60 / period_s, number)
