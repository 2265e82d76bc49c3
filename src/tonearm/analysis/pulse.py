"""Tells music with a beat from pads, noise and speech."""

from collections.abc import Mapping

import numpy as np

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.fourier import rfft
from tonearm.analysis.learned_weights import weights_of
from tonearm.analysis.onsets import Onsets
from tonearm.analysis.percentile import percentile

CUES = (
    "pulse",
    "peakedness",
    "clarity",
    "thirds",
    "repetition_8",
    "treble",
    "spectral_peak",
    "pauses",
    "starts",
    "swell",
    "steady_short",
    "steady_long",
    "constant",
)
"""The order of ``cues``.

pulse: logarithm of the clarity of the likeliest level times the height of the autocorrelation's highest peak, times the
onsets' standard deviation, which is 1 unless hardly anything starts. peakedness: logarithm of the kurtosis of the
onset strength: drums start rarely and suddenly. clarity, thirds, repetition_8: cues of that level, see
``metrical_cues``. treble: logarithm of the treble onsets' standard deviation, which is below 1 where hardly any
start. spectral_peak: see ``_spectral_peak``. starts: logarithm of the onsets a second that rise by ``LEAST_RISE``.
pauses and swell: of the level of the middle of the spectrum, the share of time at which it is low, and how far it
moves within 46 ms: both are high in speech. steady_short, steady_long: see ``Steadiness``: pads stay as they are for
long, noise not for a moment.
"""

WEIGHTS = weights_of("pulse", CUES)

LOOSE = 0.9
"""A beat less probable than this is loose: it may be right, as in much classical music, and is marked."""

STRETCH = 2048
"""Frames whose onsets' spectrum is looked at together: 24 s."""

SLOWEST_HZ, FASTEST_HZ = 0.5, 9.0
"""The range in which that spectrum is searched for a peak: beats and their parts."""

LEAST_RISE = 0.05
"""The mean rise of the bands, as a logarithm of power, from which something starts."""

APART = 6
"""Frames on either side of an onset that are not stronger than it."""

PAUSE, LAG = 0.3, 4
"""A pause is where the level is below this share of its 95th percentile; LAG in frames, 46 ms."""


def cues(onsets: Onsets, peak: float, level: Mapping[str, float]) -> Float64:
    """(CUES,) of a piece, from the autocorrelation's highest peak and the cues of the likeliest level."""
    squares = np.square(onsets.full, dtype=np.float64)
    kurtosis = float(np.mean(squares**2)) / (float(squares.mean()) ** 2 + 1e-12)
    pulse = np.exp(level["clarity"]) * peak * float(onsets.full.std(dtype=np.float64))
    body = onsets.body
    short, long = onsets.steadiness
    own = {
        "pulse": np.log(max(pulse, 1e-3)),
        "peakedness": np.log(max(kurtosis, 1.0)),
        "treble": np.log(float(onsets.treble.std(dtype=np.float64)) + 0.01),
        "spectral_peak": _spectral_peak(onsets),
        "pauses": float((body < PAUSE * percentile(body, 95)).mean()),
        "starts": np.log(_starts_a_second(onsets) + 0.05),
        "swell": float(np.abs(body[LAG:] - body[:-LAG]).mean(dtype=np.float64)) if len(body) > LAG else 0.0,
        "steady_short": short,
        "steady_long": long,
        "constant": 1.0,
    }
    return np.array([own[name] if name in own else level[name] for name in CUES])


def probability(found: Float64) -> float:
    """The probability that a piece with these cues has a beat."""
    return float(1 / (1 + np.exp(-np.clip(WEIGHTS @ found, -30, 30))))


def _spectral_peak(onsets: Onsets) -> float:
    """Logarithm of the highest over the mean power of the onsets' spectrum, the mean over stretches."""
    hz = np.arange(STRETCH // 2 + 1) * (
        onsets.frame_rate_hz / STRETCH
    )  # numpy.fft would be loaded too late, sealed
    searched = (hz > SLOWEST_HZ) & (hz < FASTEST_HZ)
    heights = []
    for start in range(0, max(1, len(onsets) - STRETCH + 1), STRETCH):
        part: Float32 = onsets.full[start : start + STRETCH]
        centred = (part - part.mean()) * np.hanning(len(part)).astype(np.float32)
        power = np.square(np.abs(rfft(centred[None], STRETCH)[0, searched]), dtype=np.float64)
        heights.append(float(np.log(power.max() / (power.mean() + 1e-12) + 1e-3)))
    return float(np.mean(heights))


def _starts_a_second(onsets: Onsets) -> float:
    strength = onsets.full
    around = np.lib.stride_tricks.sliding_window_view(np.pad(strength, APART), 2 * APART + 1)
    starts = (strength == around.max(axis=1)) & (strength > LEAST_RISE / onsets.unit)
    return float(starts.sum()) / len(strength) * onsets.frame_rate_hz
