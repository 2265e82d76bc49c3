"""Tracks beats by dynamic programming, and fits straight lines to them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.kernels import link_beats

Int32 = NDArray[np.int32]

TIGHTNESS = 400.0
"""Weight of the squared log deviation of an interval from the period, against onset strength in units of
its standard deviation (Ellis 2007 uses 400 and the like)."""

NARROWEST, WIDEST = 0.7, 1.4
"""An interval between beats lies within these multiples of the local period."""


def track_beats(strength: Float32, period: Float32, tightness: float = TIGHTNESS) -> Int32:
    """Place beats where onsets are strong and intervals close to the local period.

    The method of Ellis, "Beat tracking by dynamic programming" (Journal of New Music Research 36, 2007):
    the score of a frame is its onset strength plus the best score of an earlier beat, less
    ``tightness · ln(interval / period)²``.

    strength: (n,) float32. period: (n,) float32, frames a beat at each frame, at least 4.
    Returns the beats' frames, ascending, (beats,) int32.
    """
    if not len(strength):
        return np.zeros(0, np.int32)
    shortest = max(1, int(NARROWEST * float(period.min())))
    longest = int(np.ceil(WIDEST * float(period.max())))
    log_period = np.log(period).astype(np.float32)
    accents = np.ascontiguousarray(strength, np.float32)
    best, earlier = link_beats(accents, log_period, longest, shortest, tightness)
    return _trace(best, earlier, 2 * float(period[-1]))


def _trace(best: Float32, earlier: Int32, reach: float) -> Int32:
    """Follow the links back from the best frame among the last ``reach`` frames."""
    tail = max(0, len(best) - max(1, int(reach)))
    at = tail + int(np.argmax(best[tail:]))
    beats = []
    links = earlier.data  # gives plain integers, ten times as fast
    while at >= 0:
        beats.append(at)
        at = links[at]
    return np.array(beats[::-1], np.int32)


BEFORE, AFTER = 7, 2
"""Frames before and after a beat among which its onset is looked for."""

HALF_RISE = 0.3

RISE_TO_ATTACK = 1.0
"""Frames from the half-way point of the rise to the attack. The spectrum's window reaches two frames ahead; half
of the rise of a compressed level is reached when about a quarter of the window lies behind the attack."""

CENTRE_TO_ATTACK = -1.6
"""The same from the frame of a beat that has no onset of its own."""


def attacks(beats: Int32, strength: Float32, least: float) -> Float64:
    """(beats,) where the sound at each beat starts, in frames, between which it may lie.

    Onset strength rises when the window meets the attack and stays up for some frames, whichever the tracker has
    taken: the half-way point of that rise is found by going back from the beat. A beat whose onset strength stays
    below ``least`` has no such point and is left where it is.
    """
    columns = np.arange(-BEFORE, AFTER + 1)
    around = np.pad(strength, (BEFORE, AFTER))[beats[:, None] + columns + BEFORE].astype(np.float64)
    peak = around[:, BEFORE - 2 :].max(axis=1)
    top = BEFORE - 2 + around[:, BEFORE - 2 :].argmax(axis=1)
    half = HALF_RISE * peak
    below = (around < half[:, None]) & (np.arange(len(columns)) < top[:, None])
    found = below.any(axis=1) & (peak >= least)
    last = len(columns) - 1 - below[:, ::-1].argmax(axis=1)
    last = np.where(found, last, 0)
    rows = np.arange(len(beats))
    low, high = around[rows, last], around[rows, np.minimum(last + 1, len(columns) - 1)]
    part = np.clip((half - low) / np.maximum(high - low, 1e-9), 0, 1)
    crossing = beats - BEFORE + last + part + RISE_TO_ATTACK
    return np.asarray(np.where(found, crossing, beats + CENTRE_TO_ATTACK), np.float64)


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through beats: their mean period, and their standard deviation from the line, both in seconds."""

    period_s: float
    spread_s: float


def fit_line(times_s: Float64, period_s: float) -> Line | None:
    """Least-squares line through beat times; missed beats count by the ``period_s`` they span.

    Beats farther than two standard deviations from the first fit are left out of the second. Returns ``None``
    for fewer than four beats.
    """
    if len(times_s) < 4:
        return None
    steps = np.maximum(1, np.rint(np.diff(times_s) / period_s))
    index = np.concatenate([[0.0], np.cumsum(steps)])
    kept = np.ones(len(index), bool)
    slope, spread = period_s, 0.0
    for _ in range(2):
        at, when = index[kept], times_s[kept]
        from_mean = at - at.mean()
        slope = float(from_mean @ (when - when.mean()) / (from_mean @ from_mean))
        rest = times_s - when.mean() - slope * (index - at.mean())
        spread = float(np.sqrt(np.mean(rest[kept] ** 2)))
        kept = np.abs(rest) <= max(2 * spread, 1e-3)
        if kept.sum() < 4:
            break
    return Line(slope, spread) if slope > 0 else None
