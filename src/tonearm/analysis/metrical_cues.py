"""Measures what lies on and between the beats of a tempo that a piece could be counted in."""

import numpy as np

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.beats import Int32, track_beats
from tonearm.analysis.onsets import Onsets, spread
from tonearm.analysis.tempogram import TEMPI

ACCENT_BASS = 0.3
ONSET = 0.5
"""Onset strength, in standard deviations, from which a beat counts as having an onset."""

MIDDLE_BPM = 120.0

REPEATS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 4 / 3, 3 / 2)
"""The multiples of the beat at which repetition is looked up."""

REACH = 2
"""Frames around a lag within which the highest repetition counts."""

CUES = (
    "periodicity",
    "clarity",
    "coverage",
    "octaves",
    "octaves_squared",
    "half",
    "thirds",
    "quarters",
    "treble_half",
    "treble_thirds",
    "treble_quarters",
    "bass",
    "bass_half",
    "alternation",
    "bass_alternation",
    *(f"repetition_{multiple:.3g}" for multiple in REPEATS),
)
"""The order of ``Trial.cues``.

periodicity: of the tempogram. clarity: onset strength at the beats. coverage: share of the beats with an onset.
octaves: distance of the tempo from 120 BPM, and its square: as listeners do, the weights prefer middling tempi
(R. Parncutt, "A perceptual model of pulse salience and metrical accent in musical rhythms", Music Perception 11, 1994).
half, thirds, quarters: strength midway between beats, at a third and two thirds, at a quarter and three quarters of
the way; alternation: how much every other beat differs from those between; each of them overall, in the treble or in
the bass. repetition: see ``repetition.Repetition``, at multiples of the beat. All but the last and the octaves are
logarithms, strengths relative to their mean.
"""


class Trial:
    """Tracks beats at a tempo and measures the cues."""

    def __init__(self, onsets: Onsets, tempogram: Float64) -> None:
        self._rate = onsets.frame_rate_hz
        self._tempogram = tempogram
        self._repetition = onsets.repetition
        self._accents = onsets.accents(ACCENT_BASS)
        self._joint = _Curve(spread(self._accents))
        self._treble = _Curve(spread(onsets.treble))
        self._bass = _Curve(spread(onsets.bass))

    def cues(self, index: int) -> Float64 | None:
        """(CUES,) of the tempo ``TEMPI[index]``; ``None`` where it has fewer than four beats."""
        bpm = float(TEMPI[index])
        frames = 60 * self._rate / bpm
        beats = track_beats(self._accents, np.full(len(self._accents), frames, np.float32))
        beats = beats[(beats > 0) & (beats < len(self._accents) - 1)]
        if len(beats) < 4:
            return None
        octaves = float(np.log2(bpm / MIDDLE_BPM))
        return np.array(
            [
                _log(float(self._tempogram[index])),
                *self._on_beats(beats, octaves),
                *self._between(beats),
                *self._alternation(beats),
                *(self._repeats(multiple * frames) for multiple in REPEATS),
            ]
        )

    def _on_beats(self, beats: Int32, octaves: float) -> tuple[float, ...]:
        covered = float((self._joint.values[beats] > ONSET).mean())
        return self._joint.share(beats), _log(covered), octaves, octaves**2

    def _between(self, beats: Int32) -> tuple[float, ...]:
        half, thirds, quarters = (_points(beats, parts) for parts in ((0.5,), (1 / 3, 2 / 3), (0.25, 0.75)))
        return (
            *(self._joint.share(at) for at in (half, thirds, quarters)),
            *(self._treble.share(at) for at in (half, thirds, quarters)),
            *(self._bass.share(at) for at in (beats, half)),
        )

    def _alternation(self, beats: Int32) -> tuple[float, float]:
        joint, bass = (
            [curve.share(part, floor) for part in (beats[::2], beats[1::2])]
            for curve, floor in ((self._joint, 0.0), (self._bass, 0.1))
        )
        return abs(joint[0] - joint[1]), abs(bass[0] - bass[1])

    def _repeats(self, lag: float) -> float:
        first = max(1, int(lag) - REACH)
        around = self._repetition[first : int(lag) + REACH + 2]
        return max(0.0, float(around.max())) if len(around) else 0.0


def _points(beats: Int32, parts: tuple[float, ...]) -> Int32:
    gaps = np.diff(beats)
    return np.concatenate([beats[:-1] + np.rint(gaps * part).astype(np.int32) for part in parts])


class _Curve:
    """The strength of onsets by frame, and its mean, which is looked up for every tempo."""

    def __init__(self, values: Float32) -> None:
        self.values = values
        self._mean = float(values.mean()) + 1e-6

    def share(self, at: Int32, floor: float = 0.0) -> float:
        """Logarithm of the mean at some frames over the mean of all."""
        return _log(float(self.values[at].mean()) / self._mean + floor)


def _log(ratio: float) -> float:
    return float(np.log(max(ratio, 0.03)))
