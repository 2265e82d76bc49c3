"""Beats under a tempo that a person has locked: derived from the measured ones, or a constant grid. Pure functions."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

RATIOS = tuple(Fraction(text) for text in ("1", "1/2", "2", "2/3", "3/2", "3/4", "4/3", "1/3", "3"))
"""How a tempo can be counted in another way: each as a factor of the measured tempo."""
TOLERANCE = 0.01
"""A tempo within this share of a multiple of the measured one counts the same beats in that way."""
GAP = 1.8
"""An interval this many times as long as the one before it is a gap without beats."""


def ratio_of(bpm: float, measured: float | None) -> Fraction | None:
    """By which factor the measured tempo gives another one; ``None`` where it is no multiple of it."""
    if not measured:
        return None
    best = min(RATIOS, key=lambda ratio: abs(bpm / (measured * float(ratio)) - 1))
    return best if abs(bpm / (measured * float(best)) - 1) <= TOLERANCE else None


def counted_anew(beats: Sequence[float], ratio: Fraction) -> list[float]:
    """The measured beats, counted ``ratio`` times as fast: halved, doubled, or in thirds of two intervals.

    The first beat of each stretch without a gap stays where it is.
    """
    if ratio == 1:
        return list(beats)
    return [round(at, 3) for stretch in _stretches(beats) for at in _counted(stretch, ratio)]


def _stretches(beats: Sequence[float]) -> Iterator[Sequence[float]]:
    start = 0
    for number in range(2, len(beats)):
        before_s = beats[number - 1] - beats[number - 2]
        if number - 1 > start and beats[number] - beats[number - 1] > GAP * before_s:
            yield beats[start:number]
            start = number
    if beats:
        yield beats[start:]


def _counted(beats: Sequence[float], ratio: Fraction) -> Iterator[float]:
    """Beats at every ``1 / ratio`` of the numbers of the measured ones."""
    for number in range(int((len(beats) - 1) * ratio) + 1):
        whole, rest = divmod(number / ratio, 1)
        at = beats[int(whole)]
        yield at if not rest else at + float(rest) * (beats[int(whole) + 1] - at)


def constant_grid(bpm: float, first_beat_s: float, end_s: float) -> list[float]:
    """Beats of one tempo from the first beat to the end."""
    period_s = 60 / bpm
    count = max(0, int((end_s - first_beat_s) / period_s) + 1)
    return [round(first_beat_s + number * period_s, 3) for number in range(count)]
