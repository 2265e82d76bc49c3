"""Decides which of the periodicities of a piece is its beat."""

from dataclasses import dataclass

import numpy as np

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.beats import Int32, track_beats
from tonearm.analysis.onsets import Onsets, spread
from tonearm.analysis.tempogram import TEMPI, Comb, autocorrelations

PEAKS = 5
"""Peaks of the tempogram that are tried as beats."""

RELATIVES = {"half": 1 / 2, "double": 2.0, "2/3": 2 / 3, "3/2": 3 / 2}
"""The best peak's relatives are tried too: a level may be weak on its own and still be the one counted."""

SLOWEST_BPM, FASTEST_BPM = 45.0, 230.0
TEMPOGRAM_BASS = 0.4
ACCENT_BASS = 0.3
ONSET = 0.5
"""Onset strength, in standard deviations, from which a beat counts as having an onset."""

LEAST_COVERAGE = 0.25
"""A level with onsets at a smaller share of its beats has no pulse; a few clicks are none."""

PULSE_LAGS_S = (0.35, 2.1)
"""The lags at which the autocorrelation is searched for a pulse: beats, bars and their parts."""

MINUTE = 25
"""Windows of the tempogram in one minute of music."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each kind of evidence when levels are compared; all of them are natural logarithms.

    periodicity: of the tempogram. clarity: mean onset strength at the beats over the mean of all frames.
    coverage: share of the beats with an onset. quarters: strength above 2.3 kHz at a quarter and three
    quarters of the way between beats, over its mean: a beat is seldom divided into four strong notes.
    comfort: cost of each squared octave from ``comfort_bpm``; a log-normal preference, as in Parncutt, "A
    perceptual model of pulse salience and metrical accent in musical rhythms" (Music Perception 11, 1994).

    The values are a regularised logistic fit, so that exponentials of scores compare as probabilities.
    """

    periodicity: float = 1.5
    clarity: float = 4.2
    coverage: float = 1.4
    quarters: float = -0.5
    comfort: float = 3.1
    comfort_bpm: float = 133.0


@dataclass(frozen=True, slots=True)
class Level:
    """A tempo the piece could be counted in.

    score: log of how well it explains the onsets, comparable within one file only.
    clarity: mean onset strength at its beats, relative to the mean over all frames.
    coverage: share of its beats with an onset.
    """

    bpm: float
    score: float
    clarity: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The levels of a piece, best first, and how clear its pulse is.

    pulse: the best level's clarity times the height of the autocorrelation's highest peak, times the onsets'
    standard deviation, which is 1 unless hardly anything starts. Music with beats lies above some 0.25, pads
    and noise below 0.2.
    """

    levels: list[Level]
    pulse: float


@dataclass(frozen=True, slots=True)
class _Periodicity:
    """tempogram: (tempi,) never negative. peak: mean over minutes of the autocorrelation's highest peak."""

    tempogram: Float64
    peak: float


def rank_levels(onsets: Onsets, weights: Weights | None = None) -> Ranking:
    """Try the tempogram's peaks, then the best one's relatives, as beats; no level where there is no onset."""
    if not (onsets.full > ONSET).any():
        return Ranking([], 0.0)
    periodicity = _periodicity(onsets)
    trial = _Trial(onsets, periodicity.tempogram, weights or Weights())
    tried = _peaks(periodicity.tempogram)[:PEAKS]
    levels = trial.weigh(tried)
    if not levels:
        return Ranking([], 0.0)
    for _ in range(2):
        best = max(levels, key=lambda level: level.score)
        more = _relatives(periodicity.tempogram, best.bpm, tried)
        tried += more
        levels += trial.weigh(more)
    levels.sort(key=lambda level: -level.score)
    best = levels[0]
    audible = float(onsets.full.std(dtype=np.float64)) if best.coverage >= LEAST_COVERAGE else 0.0
    return Ranking(levels, best.clarity * periodicity.peak * audible)


class _Trial:
    """Tracks beats at a candidate tempo and scores the onsets on and between them."""

    def __init__(self, onsets: Onsets, tempogram: Float64, weights: Weights) -> None:
        self._rate = onsets.frame_rate_hz
        self._tempogram = tempogram
        self._weights = weights
        self._accents = onsets.accents(ACCENT_BASS)
        self._joint = spread(self._accents)
        self._treble = spread(onsets.treble)
        self._joint_mean = float(self._joint.mean()) + 1e-9
        self._treble_mean = float(self._treble.mean()) + 1e-9

    def weigh(self, candidates: list[int]) -> list[Level]:
        """Return the levels of these indices into TEMPI, without those of fewer than four beats."""
        levels = []
        for index in candidates:
            bpm = float(TEMPI[index])
            period = np.full(len(self._accents), 60 * self._rate / bpm, np.float32)
            beats = track_beats(self._accents, period)
            beats = beats[(beats > 0) & (beats < len(period) - 1)]
            if len(beats) >= 4:
                levels.append(self._level(bpm, float(self._tempogram[index]), beats))
        return levels

    def _level(self, bpm: float, periodicity: float, beats: Int32) -> Level:
        weights = self._weights
        gaps = np.diff(beats)
        quarters = np.concatenate([beats[:-1] + gaps // 4, beats[:-1] + 3 * gaps // 4])
        at_beats = self._joint[beats]
        clarity = float(at_beats.mean()) / self._joint_mean
        coverage = float((at_beats > ONSET).mean())
        score = (
            weights.periodicity * _log(periodicity)
            + weights.clarity * _log(clarity)
            + weights.coverage * _log(coverage)
            + weights.quarters * _log(float(self._treble[quarters].mean()) / self._treble_mean)
            - weights.comfort * float(np.log2(bpm / weights.comfort_bpm)) ** 2
        )
        return Level(bpm, score, clarity, coverage)


def _log(ratio: float) -> float:
    return float(np.log(max(ratio, 0.03)))


def _periodicity(onsets: Onsets) -> _Periodicity:
    comb = Comb(onsets.frame_rate_hz)
    first, last = (round(lag * onsets.frame_rate_hz) for lag in PULSE_LAGS_S)
    lags, peak = _mean_autocorrelation(onsets.full, first, last)
    bass_lags, _ = _mean_autocorrelation(onsets.bass, first, last)
    full, bass = comb.score(lags), comb.score(bass_lags)
    joint = full / (np.abs(full).max() + 1e-9) + TEMPOGRAM_BASS * bass / (np.abs(bass).max() + 1e-9)
    return _Periodicity(np.maximum(joint, 0), peak)


def _mean_autocorrelation(strength: Float32, first: int, last: int) -> tuple[Float32, float]:
    """The mean over the file, and the mean over its minutes of the peak between two lags.

    Chance peaks are higher the fewer windows are averaged; peaks of stretches shorter than a minute are
    lowered by the fourth root of what they lack.
    """
    total = np.zeros(1)
    peaks, count = 0.0, 0
    for chunk in autocorrelations(strength):
        summed = chunk.sum(axis=0, dtype=np.float64)
        height = float(summed[first:last].max()) / len(chunk)
        peaks += height * len(chunk) * min(1.0, (len(chunk) / MINUTE) ** 0.25)
        total = total + summed
        count += len(chunk)
    return (total / count).astype(np.float32), peaks / count


def _preferred(tempogram: Float64) -> Float64:
    """The tempogram with a weak preference for middling tempi."""
    return np.asarray(tempogram * np.exp(-0.14 * np.log2(TEMPI / 120) ** 2), np.float64)


def _peaks(tempogram: Float64) -> list[int]:
    """Indices into TEMPI of the local maxima, highest first."""
    weighted = _preferred(tempogram)
    inner = weighted[1:-1]
    peaks = np.flatnonzero((inner >= weighted[:-2]) & (inner >= weighted[2:]) & (inner > 0)) + 1
    highest_first = peaks[np.argsort(-weighted[peaks], kind="stable")]
    return [int(index) for index in highest_first if SLOWEST_BPM < TEMPI[index] < FASTEST_BPM]


def _relatives(tempogram: Float64, bpm: float, tried: list[int]) -> list[int]:
    """Indices into TEMPI of the relatives of a tempo that were not tried, each at its highest point nearby."""
    weighted = _preferred(tempogram)
    found: list[int] = []
    for ratio in RELATIVES.values():
        if not SLOWEST_BPM < bpm * ratio < FASTEST_BPM:
            continue
        around = np.flatnonzero(np.abs(np.log(TEMPI / (bpm * ratio))) < 0.03)
        index = int(around[np.argmax(weighted[around])])
        if all(abs(np.log(TEMPI[index] / TEMPI[other])) > 0.04 for other in tried + found):
            found.append(index)
    return found
