"""Scores of tempo, beats and key against the truth, as the field counts them.

Acc1 and Acc2: Gouyon et al., "An experimental comparison of audio tempo induction algorithms" (IEEE TASLP 14,
2006). Beat F-measure and the weighted key score: mir_eval (Raffel et al., ISMIR 2014).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import mir_eval
import numpy as np

from tests.accuracy.truth import BEATLESS, CHANGING, STEADY, Answer, Piece

TEMPO_TOLERANCE = 0.04
RATIO_TOLERANCE = 0.06
CLOSE = 0.001
LEVELS = (1, 2, 3, 1 / 2, 1 / 3)
BEATS_FROM_S = 5.0
BEATS_SPARE_S = 0.5
LEAST_BEATS = 12

MEASURES = ("acc1", "acc2", "close", "beat_f", "key", "key_exact", "beatless", "beat_missed", "change")
"""acc1, acc2: tempo within 4 %, exactly or up to a factor of 2 or 3. close: share of the latter within 0.1 %, where the
tempo is known exactly. beat_f: F-measure of the beats. key, key_exact: weighted score, share of right keys. beatless:
share of the beatless pieces called so. beat_missed: share of the steady pieces without a tempo. change: share of the
changing pieces whose start, end and ratio are right."""

Points = dict[str, dict[str, float]]
"""By measure and piece: the points of one tool, 0 to 1. A piece that a measure does not ask for is absent."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The means over a set, 0 to 1, by measure; ``None`` where the tool answers no such question."""

    tool: str
    means: Mapping[str, float | None]
    points: Points

    def __getitem__(self, measure: str) -> float | None:
        return self.means[measure]


def score(tool: str, pieces: Iterable[Piece], answers: Mapping[str, Answer]) -> Scores:
    """Score one tool's answers; pieces it has no answer for don't count."""
    points: Points = {measure: {} for measure in MEASURES}
    for piece in pieces:
        if piece.name in answers:
            for measure, value in points_of(piece, answers[piece.name]).items():
                points[measure][piece.name] = value
    means = {
        measure: float(np.mean(list(values.values()))) if values else None
        for measure, values in points.items()
    }
    return Scores(tool, means, points)


def merged(tool: str, rounds: Sequence[Points]) -> Scores:
    """The scores of several rounds over the same pieces: each piece has the mean of its points."""
    points: Points = {}
    for measure in MEASURES:
        names = {name for found in rounds for name in found[measure]}
        points[measure] = {
            name: float(np.mean([found[measure][name] for found in rounds if name in found[measure]]))
            for name in sorted(names)
        }
    means = {
        measure: float(np.mean(list(found.values()))) if found else None for measure, found in points.items()
    }
    return Scores(tool, means, points)


def points_of(piece: Piece, answer: Answer) -> dict[str, float]:
    """The points of one answer, by measure."""
    found: dict[str, float] = {}
    if answer.has_tempo and piece.kind in STEADY and piece.bpm:
        off = _off(answer.bpm, piece.bpm)
        found["acc1"] = within(answer.bpm, piece.bpm, TEMPO_TOLERANCE, (1,))
        found["acc2"] = off <= TEMPO_TOLERANCE
        found["beat_missed"] = not answer.bpm
        if piece.exact and off <= TEMPO_TOLERANCE:
            found["close"] = off <= CLOSE
        hits = beat_f(piece, answer)
        if hits is not None:
            found["beat_f"] = hits
    if answer.has_tempo and piece.kind == BEATLESS:
        found["beatless"] = not answer.bpm
    if answer.has_tempo and piece.kind in CHANGING and answer.bpm_start and answer.bpm_end:
        found["change"] = follows_change(piece, answer)
    if answer.has_key and piece.key:
        found["key"] = key_score(piece.key, answer.key)
        found["key_exact"] = found["key"] == 1
    return {measure: float(value) for measure, value in found.items()}


def within(
    bpm: float | None, true_bpm: float | None, tolerance: float, levels: Iterable[float] = LEVELS
) -> bool:
    """Whether a tempo is right up to a factor among ``levels``."""
    return _off(bpm, true_bpm, levels) <= tolerance


def beat_f(piece: Piece, answer: Answer) -> float | None:
    """F-measure of the beats after the first five seconds; ``None`` where there are too few to tell."""
    if answer.beats is None:
        return None
    true, found = (_inner(beats, piece.duration_s) for beats in (piece.beats, answer.beats))
    if len(true) < LEAST_BEATS:
        return None
    return float(mir_eval.beat.f_measure(true, found)) if len(found) > 1 else 0.0


FLATS = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}


def key_score(true_key: str | None, key: str | None) -> float:
    """1 for the key, .5 a fifth off, .3 for the relative, .2 for the parallel key."""
    if not true_key or not key:
        return 0.0
    return float(mir_eval.key.weighted_score(sharp(true_key), sharp(key)))


def sharp(key: str) -> str:
    """The key with its root spelt by a sharp, as mir_eval wants it."""
    root, _, mode = key.partition(" ")
    return f"{FLATS.get(root, root)} {mode}"


def follows_change(piece: Piece, answer: Answer) -> bool:
    """Whether start and end tempo are right, up to a level they share."""
    if not (piece.bpm_start and piece.bpm_end and answer.bpm_start and answer.bpm_end):
        return False
    ratio = (answer.bpm_end / answer.bpm_start) / (piece.bpm_end / piece.bpm_start)
    return (
        within(answer.bpm_start, piece.bpm_start, TEMPO_TOLERANCE)
        and within(answer.bpm_end, piece.bpm_end, TEMPO_TOLERANCE)
        and abs(ratio - 1) < RATIO_TOLERANCE
    )


def _off(bpm: float | None, true_bpm: float | None, levels: Iterable[float] = LEVELS) -> float:
    if not bpm or not true_bpm:
        return float("inf")
    return min(abs(bpm / (true_bpm * level) - 1) for level in levels)


def _inner(beats: Iterable[float], duration_s: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([beat for beat in beats if BEATS_FROM_S <= beat < duration_s - BEATS_SPARE_S])
