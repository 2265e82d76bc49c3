"""Tells music with a beat from pads, noise and speech."""

import numpy as np

from tonearm.analysis.analyser import Float64
from tonearm.analysis.onsets import Onsets
from tonearm.analysis.weights import weights_of

CUES = ("pulse", "peakedness", "clarity", "score", "swell", "treble_half", "thirds", "constant")
"""The order of ``cues``.

pulse: logarithm of the clarity of the likeliest level times the height of the autocorrelation's highest peak, times the
onsets' standard deviation, which is 1 unless hardly anything starts. peakedness: logarithm of the kurtosis of the
onset strength: drums start rarely and suddenly. swell: standard deviation of the level of the middle of the spectrum,
which moves far in speech. score: of that level; clarity, treble_half, thirds: its cues, see ``level_cues``.
"""

WEIGHTS = weights_of("pulse", CUES)

LOOSE = 0.9
"""A beat less probable than this is loose: it may be right, as in much classical music, and is marked."""


def cues(onsets: Onsets, peak: float, score: float, level: dict[str, float]) -> Float64:
    """(CUES,) of a piece, from the autocorrelation's highest peak and the score and cues of the likeliest level."""
    squares = np.square(onsets.full, dtype=np.float64)
    kurtosis = float(np.mean(squares**2)) / (float(squares.mean()) ** 2 + 1e-12)
    pulse = np.exp(level["clarity"]) * peak * float(onsets.full.std(dtype=np.float64))
    own = {
        "pulse": np.log(max(pulse, 1e-3)),
        "peakedness": np.log(max(kurtosis, 1.0)),
        "score": score,
        "swell": float(onsets.body.std(dtype=np.float64)),
        "constant": 1.0,
    }
    return np.array([(own | level)[name] for name in CUES])


def probability(found: Float64) -> float:
    """The probability that a piece with these cues has a beat."""
    return float(1 / (1 + np.exp(-np.clip(WEIGHTS @ found, -30, 30))))
