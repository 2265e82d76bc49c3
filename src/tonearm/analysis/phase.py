"""Decides which of the places at the period of the beat are the beats."""

import numpy as np

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.beats import Int32, track_beats
from tonearm.analysis.learned_weights import weights_of
from tonearm.analysis.onsets import Onsets, spread

BASS_SHARES = (0.3, 1.3)
"""Beats are tracked with little weight on the bass, and with much: a kick drum marks the beat in dance music, a bass
note often lies between two beats elsewhere."""

CURVES = ("full", "bass", "treble", "body")
PLACES = ("beats", "halves", "alternation")
TRAINS = ("little_bass", "much_bass", "moved")
CUES = (*(f"{curve}_{place}" for curve in CURVES for place in PLACES), *TRAINS[1:])
"""The order of ``Phases.cues``: of each curve of ``Onsets``, its mean at the beats and midway between them, relative to
the mean over all frames, and how much every other beat differs from those between, as logarithms; last, whether it is
the second or the third train."""

LEAST_BEATS = 3
FLOOR = 0.05
"""Added to the ratios before their logarithm is taken."""

WEIGHTS = weights_of("phase", CUES)
"""Logistic weights of the cues; the place with the highest sum is the beat."""


class Phases:
    """The trains that are compared: tracked with either share of the bass, and the first moved by half a beat."""

    def __init__(self, onsets: Onsets, period: Float32) -> None:
        first, second = (track_beats(onsets.accents(share), period) for share in BASS_SHARES)
        self.trains = (first, second, _between(first))
        self._curves = [_curve(onsets, name) for name in CURVES]

    def best(self) -> Int32:
        """The frames of the likeliest train; of short ones the first."""
        if min(len(train) for train in self.trains) < LEAST_BEATS:
            return self.trains[0]
        return self.trains[int(np.argmax(self.cues() @ WEIGHTS))]

    def cues(self) -> Float64:
        """(TRAINS, CUES) of the trains; each has three beats or more."""
        rows = [
            np.concatenate([_cues_of(curve, beats, halves) for curve in self._curves])
            for beats, halves in ((train, _between(train)) for train in self.trains)
        ]
        return np.concatenate([np.array(rows), np.eye(len(TRAINS))[:, 1:]], axis=1)


def _curve(onsets: Onsets, name: str) -> Float32:
    curve: Float32 = getattr(onsets, name)
    return curve if name == "body" else spread(curve)


def _between(beats: Int32) -> Int32:
    return np.asarray(beats[:-1] + np.diff(beats) // 2, np.int32)


def _cues_of(curve: Float32, beats: Int32, halves: Int32) -> Float64:
    mean = float(curve.mean()) + 1e-6
    even, odd = (float(curve[part].mean()) for part in (beats[::2], beats[1::2]))
    alternation = abs(np.log((even / mean + FLOOR) / (odd / mean + FLOOR)))
    on, between = (np.log(float(curve[at].mean()) / mean + FLOOR) for at in (beats, halves))
    return np.array([on, between, alternation])
