"""How regular the pulse of the music is: detrended fluctuation analysis of its level, and how its onsets repeat."""

import numpy as np

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.tempogram import autocorrelations

SHORTEST_S, LONGEST_S = 0.31, 8.8
"""Range of segment lengths, from half a slow beat to a few bars; Essentia's Danceability uses the same."""

SEGMENT_LENGTHS = 16

NEAR = 1 << 18
"""Numbers that are worked on together: 2 MB."""

LEAST_VARIATION = 0.02
"""A curve that varies by less than this share of its mean, 0.2 dB, has no fluctuation to analyse. A held chord
varies by half as much, because its tones beat; music by ten times as much and more."""


SHORTEST_PERIOD_S, LONGEST_PERIOD_S = 0.25, 2.1
"""The range of periods at which onsets are looked for again: from half a fast beat to a slow bar."""


def regularity(rises: Float32, rate_hz: float) -> float:
    """How strictly (n,) float32 rises at ``rate_hz`` return after a period, 0 to 1.

    The highest value of their autocorrelation at the periods of beats, the mean over windows of 12 seconds: about
    0.1 for noise and speech, whose rises are random, 0.2 to 0.6 for recorded music, up to 1 for a drum machine.
    """
    if not len(rises):
        return 0.0
    first, last = (round(period * rate_hz) for period in (SHORTEST_PERIOD_S, LONGEST_PERIOD_S))
    heights = [chunk[:, first:last].max(axis=1) for chunk in autocorrelations(rises - rises.mean())]
    return float(np.concatenate(heights).mean(dtype=np.float64))


def fluctuation_exponent(level: Float64, rate_hz: float) -> float | None:
    """Mean scaling exponent α of (n,) float64 level at ``rate_hz``: the slope of log F(τ) over log τ.

    F(τ) is the root mean square of what remains when the integrated level is cut into segments of τ seconds and
    each loses its straight line. Random levels give 0.5, drifting ones more, up to 1.5; a regular pulse gives
    less, because nothing accumulates beyond one period
    (S. Streich and P. Herrera, "Detrended fluctuation analysis of music signals: danceability estimation and
    further semantic characterization", 118th AES Convention, 2005). ``None`` for a curve shorter than two of the
    longest segments or without variation.
    """
    mean = float(level.mean()) if len(level) else 0.0
    if len(level) < 2 * LONGEST_S * rate_hz or level.std() <= LEAST_VARIATION * mean:
        return None
    profile = level - mean
    np.cumsum(profile, out=profile)
    spaced = np.rint(np.geomspace(SHORTEST_S, LONGEST_S, SEGMENT_LENGTHS) * rate_hz).astype(int)
    lengths = sorted(set(spaced.tolist()))
    fluctuations = np.array([_fluctuation(profile, length) for length in lengths])
    slope, _ = np.polyfit(np.log(lengths), np.log(fluctuations), 1)
    return float(slope)


def _fluctuation(profile: Float64, length: int) -> float:
    """Root mean square distance of a profile from the straight lines fitted to its segments."""
    segments = profile[: len(profile) // length * length].reshape(-1, length)
    together = max(1, NEAR // length)
    squares = np.concatenate(
        [_squares(segments[start : start + together]) for start in range(0, len(segments), together)]
    )
    return float(np.sqrt(max(float(squares.sum()), 1e-300) / segments.size))


def _squares(segments: Float64) -> Float64:
    """(segments,) sums of squares of the distances of (segments, length) from their straight lines."""
    length = segments.shape[1]
    centred = segments - segments.mean(axis=1, keepdims=True)
    time = np.arange(length) - (length - 1) / 2
    slopes = centred @ time / np.dot(time, time)
    sums: Float64 = np.einsum("ij,ij->i", centred, centred) - slopes**2 * np.dot(time, time)
    return sums
