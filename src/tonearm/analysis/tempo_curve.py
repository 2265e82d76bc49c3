"""The tempo over time: computes windows, start, end and stability from the beats."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.beats import fit_line

Bool = NDArray[np.bool_]

SPAN_BEATS = 8
"""A local tempo is taken over this many intervals, or all where there are fewer."""

NEAR_INTERVAL = 0.08
"""An interval this close to the local one (as a share of it) is regular."""

UNMOVED, MOVED = 0.0075, 0.04
"""A local tempo this close to the prevailing one is the same tempo, and one this far from it is another."""

SAME_TEMPO = 0.015
"""Local tempi this close to each other are one tempo, seen through the grid of frames."""

NEAR, SETTLING_STEPS = 0.02, 8
"""Local tempi within this share of the prevailing one are averaged, the nearer the more, so many times."""

LEAST_AT_MEDIAN = 0.5
"""Where less time is spent at the median tempo than this share of the time at another, it fell between two tempi."""

BENDS = 0.6
"""A parabola through a section of beats is used where it leaves less than this share of the straight line's
deviation."""

LEAST_COVERAGE = 0.25
"""A window in which fewer of the beats have an onset has no tempo."""


@dataclass(frozen=True, slots=True)
class Window:
    """The tempo of a section of time; bpm ``None`` and confidence 0 where it has no beat.

    confidence: 0 to 1, the share of its beats that have an onset times the share of regular intervals.
    """

    start_s: float
    end_s: float
    bpm: float | None
    confidence: float


@dataclass(frozen=True, slots=True)
class BeatTrain:
    """Beats, and which of them have an onset.

    times_s: (beats,) float64, ascending. with_onset: (beats,) bool.
    """

    times_s: Float64
    with_onset: Bool

    def __len__(self) -> int:
        return len(self.times_s)

    def between(self, start_s: float, end_s: float) -> "BeatTrain":
        """Beats at ``start_s`` and later, before ``end_s``."""
        first, last = np.searchsorted(self.times_s, [start_s, end_s])
        return BeatTrain(self.times_s[first:last], self.with_onset[first:last])

    def coverage(self) -> float:
        """Share of the beats with an onset."""
        return float(self.with_onset.mean()) if len(self) else 0.0

    def local_bpm(self) -> Float64:
        """Tempo around each interval, (beats - 1,) BPM, from the beats SPAN_BEATS apart around it."""
        count = len(self) - 1
        span = min(SPAN_BEATS, count)
        first = np.clip(np.arange(count) - span // 2, 0, count - span)
        return 60 * span / (self.times_s[first + span] - self.times_s[first])

    def regularity(self) -> float:
        """Share of the intervals within NEAR_INTERVAL of the local one; 0 for fewer than three beats."""
        if len(self) < 3:
            return 0.0
        interval = np.diff(self.times_s) * self.local_bpm() / 60
        return float((np.abs(interval - 1) <= NEAR_INTERVAL).mean())


def stability(beats: BeatTrain) -> float | None:
    """Share of regular intervals times the share of time spent at the prevailing tempo.

    Time at a tempo between ``UNMOVED`` and ``MOVED`` away from it counts in part. 1 for a drum machine, near 1 for a
    steady band, lower where the tempo changes or beats are uncertain. ``None`` for fewer than three beats.
    """
    if len(beats) < 3:
        return None
    local = beats.local_bpm()
    time = 1 / local
    away = np.abs(local / prevailing(local) - 1)
    same = np.clip((MOVED - away) / (MOVED - UNMOVED), 0, 1)
    return beats.regularity() * float((time * same).sum() / time.sum())


def prevailing(local: Float64) -> float:
    """The median of the local tempo over time.

    Where the tempo jumps in the middle of the file, little time is spent at the median; then it is the tempo at
    which most time is spent.
    """
    tempi = np.sort(local)
    passed = np.concatenate([[0.0], np.cumsum(1 / tempi)])
    first = np.searchsorted(tempi, tempi * (1 - SAME_TEMPO))
    last = np.searchsorted(tempi, tempi * (1 + SAME_TEMPO), side="right")
    around = (passed[last] - passed[first]) / passed[-1]
    middle = int(np.searchsorted(passed[1:], passed[-1] / 2))
    return float(tempi[middle if around[middle] >= LEAST_AT_MEDIAN * around.max() else around.argmax()])


def prevailing_bpm(beats: BeatTrain) -> float | None:
    """The prevailing tempo of a section; ``None`` for fewer than four beats.

    Beats lie on frames, so local tempi come in steps; the mean of those near it smooths them. The nearer one is, the
    more it counts, and the mean takes the place of the prevailing one several times, so that small differences between
    two formats of a recording make a small difference.
    """
    if len(beats) < 4:
        return None
    local = beats.local_bpm()
    bpm = prevailing(local)
    for _ in range(SETTLING_STEPS):
        near = np.maximum(1 - np.abs(local / bpm - 1) / NEAR, 0)
        bpm = float(near.sum() / (near / local).sum())
    return bpm


def stretch_bpm(beats: BeatTrain) -> float | None:
    """Tempo of a section: the slope of a straight line through its beats; ``None`` for fewer than four."""
    prevails = prevailing_bpm(beats)
    line = None if prevails is None else fit_line(beats.times_s, 60 / prevails)
    return None if line is None else 60 / line.period_s


def edge_bpm(beats: BeatTrain, *, at_end: bool) -> float | None:
    """Tempo at the outer edge of the file's first or last section of beats.

    Where the tempo is constant it is the section's tempo; where it changes, the slope of a parabola through the beats
    at the edge, limited to the local tempi of the section.
    """
    straight = stretch_bpm(beats)
    if straight is None or len(beats) < 2 * SPAN_BEATS:
        return straight
    local = beats.local_bpm()
    steps = np.maximum(1, np.rint(np.diff(beats.times_s) * local / 60))
    index = np.concatenate([[0.0], np.cumsum(steps)])
    index -= index.mean()
    line, bend = np.polyfit(index, beats.times_s, 1), np.polyfit(index, beats.times_s, 2)
    off_line, off_bend = (np.std(beats.times_s - np.polyval(curve, index)) for curve in (line, bend))
    if off_bend > BENDS * off_line:
        return straight
    period = float(np.polyval(np.polyder(bend), index[-1 if at_end else 0]))
    low, high = float(local.min()), float(local.max())
    return float(np.clip(60 / period, low, high)) if period > 0 else straight


def moves(beats: BeatTrain) -> bool:
    """Whether the first half of the beats has another tempo than the second."""
    middle = len(beats) // 2
    halves = (
        BeatTrain(beats.times_s[part], beats.with_onset[part])
        for part in (slice(middle), slice(middle, None))
    )
    first, second = (stretch_bpm(half) for half in halves)
    return first is not None and second is not None and abs(first / second - 1) > SAME_TEMPO


def within(edge: float | None, near: list[Window]) -> float | None:
    """A tempo at the edge of a file, moved into the range of the windows there; ``None`` where none of them has one."""
    tempi = [window.bpm for window in near if window.bpm is not None]
    return min(max(edge, min(tempi)), max(tempi)) if edge is not None and tempi else None


def windows(beats: BeatTrain, duration_s: float, window_s: float) -> list[Window]:
    """Return the tempo in consecutive windows of ``window_s``; the last one may be shorter."""
    found = []
    for number in range(int(np.ceil(duration_s / window_s))):
        start, end = number * window_s, min((number + 1) * window_s, duration_s)
        inside = beats.between(start, end)
        bpm = stretch_bpm(inside) if inside.coverage() >= LEAST_COVERAGE else None
        confidence = 0.0 if bpm is None else inside.coverage() * inside.regularity()
        found.append(Window(start, end, bpm, confidence))
    return found


def near_onsets(strength: Float32, onset: float, reach: int) -> Bool:
    """(frames,) bool: whether an onset stronger than ``onset`` lies within ``reach`` frames."""
    count = np.zeros(len(strength) + 2 * reach + 1, np.int32)
    np.cumsum(strength > onset, out=count[reach + 1 : reach + 1 + len(strength)])
    count[reach + 1 + len(strength) :] = count[reach + len(strength)]
    return count[2 * reach + 1 :] > count[: len(strength)]
