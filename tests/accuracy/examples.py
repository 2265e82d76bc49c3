"""Makes the choices that the weights are learned from: tempo levels, places of the beat, and keys of known pieces."""

from collections.abc import Mapping
from dataclasses import dataclass

import mir_eval
import numpy as np

from tests.accuracy.answers import Stored
from tests.accuracy.scores import LEAST_BEATS, TEMPO_TOLERANCE, beat_f, sharp
from tests.accuracy.softmax import Choice, Float64
from tests.accuracy.truth import BEATLESS, STEADY, Piece, answer_of
from tonearm.analysis import key, key_profiles, level_cues, levels, phase, pulse, tempo
from tonearm.analysis.chroma import PitchVotes
from tonearm.analysis.onsets import Onsets, OnsetStream

SURE_F = 0.05
"""Places of the beat whose F-measures differ by this much differ in probability by a factor of e."""

SHAATH = (
    (6.6, 2.0, 3.5, 2.3, 4.6, 4.0, 2.5, 5.2, 2.4, 3.7, 2.3, 3.4),
    (6.5, 2.7, 3.5, 5.4, 2.6, 3.5, 2.5, 5.2, 4.0, 2.7, 4.3, 3.2),
)
"""Major and minor profile of I. Sha'ath, "Estimation of key in digital music recordings", MSc project report, Birkbeck
College, 2011."""

PROFILE_SCALE = 6.0


@dataclass(frozen=True, slots=True)
class Model:
    """What is learned: the cues' names, the penalty, how much pieces of each role count, and the prior.

    counts: by role: recordings, charts (recordings with the grid of a game) and rendered.
    """

    name: str
    cues: tuple[str, ...]
    penalty: float
    counts: Mapping[str, float]
    prior: Float64
    scaled: bool


def key_prior() -> Float64:
    """(cues,) the same profile in every register, and no preference for a mode."""
    registers = len(key_profiles.REGISTER_NAMES)
    parts = []
    for profile in np.array(SHAATH):
        centred = profile - profile.mean()
        parts += [PROFILE_SCALE / registers * centred / np.linalg.norm(centred)] * registers
    return np.concatenate([*parts, [0.0]])


MODELS = (
    Model(
        "level",
        level_cues.CUES,
        0.25,
        {"recordings": 1.0, "charts": 0.25, "rendered": 0.5, "beatless": 0.0},
        np.zeros(len(level_cues.CUES)),
        scaled=True,
    ),
    Model(
        "phase",
        phase.CUES,
        1.0,
        {"recordings": 1.0, "charts": 0.5, "rendered": 0.5, "beatless": 0.0},
        np.zeros(len(phase.CUES)),
        scaled=True,
    ),
    Model(
        "pulse",
        pulse.CUES,
        0.5,
        {"recordings": 2.0, "charts": 0.25, "rendered": 0.5, "beatless": 1.0},
        np.zeros(len(pulse.CUES)),
        scaled=True,
    ),
    Model(
        "key",
        (*key_profiles.NAMES, "minor"),
        6.0,
        {"recordings": 1.0, "charts": 1.0, "rendered": 1.0, "beatless": 0.0},
        key_prior(),
        scaled=False,
    ),
)


def choices_of(piece: Piece, stored: Stored, role: str) -> dict[str, Choice]:
    """The choices that a piece teaches, by model."""
    counts = {model.name: model.counts["beatless" if piece.kind == BEATLESS else role] for model in MODELS}
    found: dict[str, Choice] = {}
    if piece.kind == BEATLESS or (piece.kind in STEADY and piece.bpm):
        stream = OnsetStream(stored.signal.frame_rate_hz)
        stream.push(stored.block.spectrum.mel)
        found |= _rhythm(piece, stream.finish(), counts)
    if piece.key:
        tonal = _key(piece.key, stored, counts["key"])
        found |= {"key": tonal} if tonal is not None else {}
    return found


def _rhythm(piece: Piece, onsets: Onsets, counts: Mapping[str, float]) -> dict[str, Choice]:
    ranking = levels.rank_levels(onsets)
    if ranking is None:
        return {}
    has_beat = np.array([float(piece.kind != BEATLESS), float(piece.kind == BEATLESS)])
    found = {
        "pulse": Choice(np.array([ranking.pulse, np.zeros(len(ranking.pulse))]), has_beat, counts["pulse"])
    }
    ranked = ranking.levels
    right = np.array(
        [bool(piece.bpm) and abs(level.bpm / (piece.bpm or 1) - 1) <= TEMPO_TOLERANCE for level in ranked],
        np.float64,
    )
    if right.any():
        found["level"] = Choice(
            np.array([level.cues for level in ranked]), right / right.sum(), counts["level"]
        )
        place = _place(piece, onsets, ranked[int(right.argmax())].bpm, counts["phase"])
        found |= {"phase": place} if place is not None else {}
    return found


def _place(piece: Piece, onsets: Onsets, bpm: float, count: float) -> Choice | None:
    if len(piece.beats) < LEAST_BEATS:
        return None
    phases = phase.Phases(onsets, tempo.beat_period(onsets, bpm))
    if min(len(train) for train in phases.trains) < phase.LEAST_BEATS:
        return None
    hits = []
    for train in phases.trains:
        times = tempo.beat_train(onsets, train).times_s
        found = beat_f(piece, answer_of({"bpm": bpm, "beats": times.tolist()}))
        if found is None:
            return None
        hits.append(found)
    points = np.array(hits)
    odds = np.exp((points - points.max()) / SURE_F)
    return Choice(phases.cues(), odds / odds.sum(), count * float(np.ptp(points)))


def _key(true_key: str, stored: Stored, count: float) -> Choice | None:
    votes = PitchVotes(stored.signal.key_rate_hz)
    votes.push(stored.block.key)
    found = votes.finish()
    if found is None:
        return None
    same = [mir_eval.key.weighted_score(sharp(true_key), sharp(key.key_name(number))) for number in range(24)]
    right = (np.array(same) == 1).astype(np.float64)
    return Choice(key_profiles.features(found.whole().registers), right, count)
