"""Metrical levels: which of the periodicities of a piece is its beat."""

from dataclasses import dataclass

import numpy as np

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.beats import Int32, track_beats
from tonearm.analysis.onsets import Onsets
from tonearm.analysis.tempogram import TEMPI, Comb, autocorrelations

PEAKS = 5
"""Peaks of the tempogram that are tried as beats."""

RELATIVES = (0.5, 2.0, 2 / 3, 1.5)
"""The highest peak's relatives are tried too: a level may be weak on its own and still be the one counted."""

BASS_SHARE = 0.4
SLOWEST_BPM, FASTEST_BPM = 45.0, 230.0


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each kind of evidence counts when levels are compared, all as natural logs.

    periodicity: of the tempogram. clarity: mean onset strength at the beats over the mean of all frames.
    coverage: share of the beats with an onset. quarters: strength above 2.3 kHz at a quarter and three
    quarters between beats, over its mean; a beat is seldom divided into four strong notes. comfort: cost of
    each squared octave from ``comfort_bpm``, a log-normal preference as in Moelants, "Preferred tempo
    reconsidered" (ICMPC 2002).
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
    """

    bpm: float
    score: float
    clarity: float


@dataclass(frozen=True, slots=True)
class Accents:
    """Onset strengths as levels are judged by, each spread to its neighbours so that beats may be a frame off.

    joint: (frames,) float32, overall and bass together. treble: (frames,) float32.
    """

    joint: Float32
    treble: Float32


def accents(onsets: Onsets) -> Float32:
    """What beats are tracked on: onset strength with some more weight on the bass, (frames,) float32."""
    return onsets.full + np.float32(0.3) * onsets.bass


def rank_levels(onsets: Onsets, weights: Weights | None = None) -> list[Level]:
    """Return the plausible levels, best first; none where nothing starts."""
    weights = weights or Weights()
    tempogram = _summed_tempogram(onsets)
    joint = accents(onsets)
    spread = Accents(_spread(joint), _spread(onsets.treble))
    levels = []
    for index in _candidates(tempogram):
        bpm = float(TEMPI[index])
        period = np.full(len(joint), 60 * onsets.frame_rate_hz / bpm, np.float32)
        beats = track_beats(joint, period)
        beats = beats[(beats > 0) & (beats < len(joint) - 1)]
        if len(beats) >= 4:
            levels.append(_weigh(bpm, float(tempogram[index]), beats, spread, weights))
    return sorted(levels, key=lambda level: -level.score)


def _spread(strength: Float32) -> Float32:
    spread = strength.copy()
    np.maximum(spread[1:], strength[:-1], out=spread[1:])
    np.maximum(spread[:-1], strength[1:], out=spread[:-1])
    return spread


def _summed_tempogram(onsets: Onsets) -> Float64:
    comb = Comb(onsets.frame_rate_hz)
    full = comb.score(_mean_autocorrelation(onsets.full))
    bass = comb.score(_mean_autocorrelation(onsets.bass))
    total = full / (np.abs(full).max() + 1e-9) + BASS_SHARE * bass / (np.abs(bass).max() + 1e-9)
    return np.asarray(np.maximum(total, 0), np.float64)


def _mean_autocorrelation(strength: Float32) -> Float32:
    count, total = 0, np.zeros(1)
    for chunk in autocorrelations(strength):
        total = total + chunk.sum(axis=0, dtype=np.float64)
        count += len(chunk)
    return (total / count).astype(np.float32)


def _candidates(tempogram: Float64) -> list[int]:
    """Indices into TEMPI of the highest local maxima and the relatives of the first."""
    weighted = tempogram * np.exp(-0.05 * (np.log2(TEMPI / 120) / 0.6) ** 2)
    inner = weighted[1:-1]
    peaks = np.flatnonzero((inner >= weighted[:-2]) & (inner >= weighted[2:]) & (inner > 0)) + 1
    found = [int(index) for index in peaks[np.argsort(-weighted[peaks], kind="stable")][:PEAKS]]
    for ratio in RELATIVES if found else ():
        around = np.flatnonzero(np.abs(np.log(TEMPI / (TEMPI[found[0]] * ratio))) < 0.03)
        if len(around):
            index = int(around[np.argmax(weighted[around])])
            if all(abs(np.log(TEMPI[index] / TEMPI[other])) > 0.04 for other in found):
                found.append(index)
    return [index for index in found if SLOWEST_BPM < TEMPI[index] < FASTEST_BPM]


def _weigh(bpm: float, periodicity: float, beats: Int32, spread: Accents, weights: Weights) -> Level:
    def log(ratio: float) -> float:
        return float(np.log(max(ratio, 0.03)))

    gaps = np.diff(beats)
    quarters = np.concatenate([beats[:-1] + gaps // 4, beats[:-1] + 3 * gaps // 4])
    clarity = float(spread.joint[beats].mean()) / (float(spread.joint.mean()) + 1e-9)
    score = (
        weights.periodicity * log(periodicity)
        + weights.clarity * log(clarity)
        + weights.coverage * log(float((spread.joint[beats] > 0.5).mean()))
        + weights.quarters * log(float(spread.treble[quarters].mean()) / (float(spread.treble.mean()) + 1e-9))
        - weights.comfort * float(np.log2(bpm / weights.comfort_bpm)) ** 2
    )
    return Level(bpm, score, clarity)
