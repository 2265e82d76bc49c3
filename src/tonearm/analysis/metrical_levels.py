"""Decides which of the periodicities of a piece is its beat."""

from dataclasses import dataclass

import numpy as np

from tonearm.analysis import pulse
from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.learned_weights import weights_of
from tonearm.analysis.metrical_cues import CUES, ONSET, Trial
from tonearm.analysis.onsets import Onsets
from tonearm.analysis.tempogram import TEMPI, Comb, autocorrelations

PEAKS = 5
"""Peaks of the tempogram that are tried as beats."""

RELATIVES = {"half": 1 / 2, "double": 2.0, "2/3": 2 / 3, "3/2": 3 / 2}
"""Relatives of the highest peaks are tried too: a level may be weak on its own and still be the one counted."""

FARTHER_RELATIVES = {"third": 1 / 3, "triple": 3.0}

PARENTS = 2
"""Peaks whose relatives are tried."""

SLOWEST_BPM, FASTEST_BPM = 45.0, 230.0
TEMPOGRAM_BASS = 0.4

LEAST_COVERAGE = 0.25
"""A level with onsets at a smaller share of its beats has no pulse; a few clicks are none."""

PULSE_LAGS_S = (0.35, 2.1)
"""The lags at which the autocorrelation is searched for a pulse: beats, bars and their parts."""

MINUTE = 25
"""Windows of the tempogram in one minute of music."""

WEIGHTS = weights_of("level", CUES)
"""Regularised logistic weights of the cues, so that exponentials of scores compare as probabilities."""


@dataclass(frozen=True, slots=True)
class Level:
    """A tempo the piece could be counted in.

    score: log of how well it explains the onsets, comparable within one file only.
    cues: (CUES,) what lies on and between its beats, see ``metrical_cues``.
    """

    bpm: float
    score: float
    cues: Float64

    def cue(self, name: str) -> float:
        """One of the cues."""
        return float(self.cues[CUES.index(name)])


@dataclass(frozen=True, slots=True)
class Ranking:
    """The levels of a piece, best first, and what tells whether it has a beat at all.

    pulse: the cues of the best level, see ``pulse``. peak: mean over minutes of the autocorrelation's highest peak.
    """

    levels: list[Level]
    pulse: Float64
    peak: float


@dataclass(frozen=True, slots=True)
class _Periodicity:
    """tempogram: (tempi,) never negative. peak: mean over minutes of the autocorrelation's highest peak."""

    tempogram: Float64
    peak: float


def rank_levels(onsets: Onsets) -> Ranking | None:
    """Try the tempogram's peaks and the relatives of the highest as beats; ``None`` where hardly any beat is heard."""
    if not (onsets.full > ONSET).any():
        return None
    periodicity = _periodicity(onsets)
    trial = Trial(onsets, periodicity.tempogram)
    levels = []
    for index in candidates(periodicity.tempogram):
        found = trial.cues(index)
        if found is not None:
            levels.append(Level(float(TEMPI[index]), float(WEIGHTS @ found), found))
    del trial  # it holds four numbers a frame
    levels.sort(key=lambda level: -level.score)
    if not levels or np.exp(levels[0].cue("coverage")) < LEAST_COVERAGE:
        return None
    named = dict(zip(CUES, levels[0].cues.tolist(), strict=True))
    return Ranking(levels, pulse.cues(onsets, periodicity.peak, named), periodicity.peak)


def candidates(tempogram: Float64) -> list[int]:
    """Indices into TEMPI of the tempi that are tried."""
    tried = _peaks(tempogram)[:PEAKS]
    for index in tried[:PARENTS]:
        tried += _relatives(tempogram, float(TEMPI[index]), tried)
    return tried


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
