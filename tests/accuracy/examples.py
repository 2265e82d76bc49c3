"""Makes the choices that the weights are learned from: tempo levels, places of the beat, and keys of known pieces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mir_eval
import numpy as np

from tests.accuracy.answers import Stored
from tests.accuracy.scores import LEAST_BEATS, TEMPO_TOLERANCE, beat_f, sharp
from tests.accuracy.softmax import Choice, Float64, fit
from tests.accuracy.truth import BEATLESS, CHANGING, HELD, STEADY, Piece, answer_of
from tonearm.analysis import key, key_profiles, metrical_cues, metrical_levels, phase, pulse, tempo
from tonearm.analysis.chroma import PitchVotes
from tonearm.analysis.onsets import Onsets, OnsetStream

SURE_F = 0.05
"""Places of the beat whose F-measures differ by this much differ in probability by a factor of e."""

PROFILES = (
    (
        (6.6, 2.0, 3.5, 2.3, 4.6, 4.0, 2.5, 5.2, 2.4, 3.7, 2.3, 3.4),
        (6.5, 2.7, 3.5, 5.4, 2.6, 3.5, 2.5, 5.2, 4.0, 2.7, 4.3, 3.2),
    ),
    (
        (1.00, 0.00, 0.42, 0.00, 0.53, 0.37, 0.00, 0.77, 0.00, 0.38, 0.21, 0.30),
        (1.00, 0.00, 0.36, 0.39, 0.00, 0.38, 0.00, 0.74, 0.27, 0.00, 0.42, 0.23),
    ),
)
"""Published profiles of major and minor: I. Sha'ath, "Estimation of key in digital music recordings" (MSc project
report, Birkbeck College, 2011), and "bgate" of Á. Faraldo, S. Jordà and P. Herrera, "A multi-profile method for key
estimation in EDM" (AES Conference on Semantic Audio, 2017)."""

PROFILE_SCALE = 6.0


@dataclass(frozen=True, slots=True)
class Model:
    """What is learned: the cues' names, the penalty, how much pieces of each role count, and the prior.

    counts: by role, see ``ROLES``, or by set where only the pulse is learned from it; what is missing counts nothing.
    """

    name: str
    cues: tuple[str, ...]
    penalty: float
    counts: Mapping[str, float]
    prior: Float64
    scaled: bool


ROLES = {
    "rendered": "rendered from notes, beatless pads among them",
    "accompaniments": "of tests.accuracy.accompaniments",
    "patterns": "of tests.accuracy.patterns",
    "performances": "of tests.accuracy.performances",
    "charts": "recordings with the grid of a rhythm game",
    "beatless": "pads, noise and speech",
}
"""The kinds of pieces that are learned from."""


def key_prior() -> Float64:
    """(cues,) the mean of the published profiles in every register, and no preference for a mode."""
    registers = len(key_profiles.REGISTER_NAMES)
    centred = np.array(PROFILES) - np.mean(PROFILES, axis=2, keepdims=True)
    means = (centred / np.linalg.norm(centred, axis=2, keepdims=True)).mean(axis=0)
    parts = [
        PROFILE_SCALE / registers * profile / np.linalg.norm(profile)
        for profile in means
        for _ in range(registers)
    ]
    return np.concatenate([*parts, [0.0]])


LEVEL = Model(
    "level",
    metrical_cues.CUES,
    0.25,
    {"rendered": 2.0, "accompaniments": 0.5, "patterns": 2.0, "charts": 0.25},
    np.zeros(len(metrical_cues.CUES)),
    scaled=True,
)
PHASE = Model(
    "phase",
    phase.CUES,
    1.0,
    {"rendered": 1.0, "accompaniments": 0.25, "patterns": 0.5, "charts": 0.5},
    np.zeros(len(phase.CUES)),
    scaled=True,
)
PULSE = Model(
    "pulse",
    pulse.CUES,
    0.5,
    {
        "rendered": 1.0,
        "accompaniments": 1.0,
        "patterns": 1.0,
        "held": 0.25,
        "performances": 0.35,
        "charts": 1.0,
        "beatless": 1.25,
    },
    np.zeros(len(pulse.CUES)),
    scaled=True,
)
KEY = Model(
    "key",
    (*key_profiles.NAMES, "minor"),
    6.0,
    {"rendered": 1.0, "accompaniments": 1.0},
    key_prior(),
    scaled=False,
)
MODELS = (LEVEL, PHASE, PULSE, KEY)


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a piece teaches about having a beat, for each level that may be chosen.

    levels: (levels, level cues). cues: (levels, pulse cues).
    """

    levels: Float64
    cues: Float64
    has_beat: bool
    count: float

    def choice(self, level_weights: Float64) -> Choice:
        """A beat or none, by the cues of the level that these weights choose."""
        scores = self.levels @ level_weights
        cues = self.cues[int(scores.argmax())]
        right = np.array([self.has_beat, not self.has_beat], np.float64)
        return Choice(np.array([cues, np.zeros(len(cues))]), right, self.count)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a piece teaches: choices by model, and whether it has a beat."""

    choices: Mapping[str, Choice]
    pulse: Pulse | None


def lesson_of(piece: Piece, stored: Stored, role: str) -> Lesson:
    """What a piece of a role teaches."""
    counts = {
        model.name: model.counts.get(piece.kind if piece.kind in (BEATLESS, HELD) else role, 0.0)
        for model in MODELS
    }
    choices: dict[str, Choice | None] = {}
    beat = None
    if piece.kind in (BEATLESS, HELD, *CHANGING) or (piece.kind in STEADY and piece.bpm):
        stream = OnsetStream(stored.signal.frame_rate_hz)
        stream.push(stored.block.spectrum.mel)
        onsets = stream.finish()
        ranking = metrical_levels.rank_levels(onsets)
        if ranking is not None:
            beat = _pulse(piece, onsets, ranking, counts[PULSE.name])
            choices = _rhythm(piece, onsets, ranking.levels, counts) if piece.kind in STEADY else {}
    if piece.key:
        choices[KEY.name] = _key(piece.key, stored, counts[KEY.name])
    taught = {name: choice for name, choice in choices.items() if choice is not None and choice.weight}
    return Lesson(taught, beat if beat is not None and beat.count else None)


def learn(lessons: Sequence[Lesson]) -> dict[str, Float64]:
    """The weights of every model; those of the pulse build on those of the level."""
    learned = {
        model.name: _fit(model, [one.choices[model.name] for one in lessons if model.name in one.choices])
        for model in (LEVEL, PHASE, KEY)
    }
    beats = [one.pulse.choice(learned[LEVEL.name]) for one in lessons if one.pulse is not None]
    return learned | {PULSE.name: _fit(PULSE, beats)}


def _fit(model: Model, choices: Sequence[Choice]) -> Float64:
    return fit(choices, model.penalty, model.prior, scaled=model.scaled)


def _pulse(piece: Piece, onsets: Onsets, ranking: metrical_levels.Ranking, count: float) -> Pulse:
    rows = [
        pulse.cues(onsets, ranking.peak, dict(zip(metrical_cues.CUES, level.cues.tolist(), strict=True)))
        for level in ranking.levels
    ]
    return Pulse(
        np.array([level.cues for level in ranking.levels]), np.array(rows), piece.kind != BEATLESS, count
    )


def _rhythm(
    piece: Piece, onsets: Onsets, ranked: list[metrical_levels.Level], counts: Mapping[str, float]
) -> dict[str, Choice | None]:
    right = np.array(
        [bool(piece.bpm) and abs(level.bpm / (piece.bpm or 1) - 1) <= TEMPO_TOLERANCE for level in ranked],
        np.float64,
    )
    if not right.any():
        return {}
    level = Choice(np.array([level.cues for level in ranked]), right / right.sum(), counts[LEVEL.name])
    place = _place(piece, onsets, ranked[int(right.argmax())].bpm, counts[PHASE.name])
    return {LEVEL.name: level, PHASE.name: place}


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
