"""Scores of tempo, beats and key against the truth, as the field counts them.

Acc1 and Acc2: Gouyon et al., "An experimental comparison of audio tempo induction algorithms" (IEEE TASLP 14,
2006). Beat F-measure and the weighted key score: mir_eval (Raffel et al., ISMIR 2014).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import mir_eval
import numpy as np

from tests.accuracy.truth import Answer, Piece

STEADY = ("synth", "nott_dr", "nott_nodr")
CHANGING = ("change", "ramp")
TEMPO_TOLERANCE = 0.04
RATIO_TOLERANCE = 0.06
CLOSE = 0.001
LEVELS = (1, 2, 3, 1 / 2, 1 / 3)
BEATS_FROM_S = 5.0
BEATS_SPARE_S = 0.5
LEAST_BEATS = 12


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over a set, 0 to 1; ``None`` where the tool answers no such question.

    acc1, acc2: tempo within 4 %, exactly or up to a factor of 2 or 3. close: share of the latter within
    0.1 %. beat_f: F-measure of the beats. key: weighted key score. beatless: share of the beatless pieces
    called so. called_beatless: steady pieces without a tempo. change: share of the changing pieces whose
    start, end and ratio are right.
    """

    tool: str
    acc1: float | None
    acc2: float | None
    close: float | None
    beat_f: float | None
    key: float | None
    beatless: float | None
    called_beatless: int
    change: float | None


def score(tool: str, pieces: Iterable[Piece], answers: Mapping[str, Answer]) -> Scores:
    """Score one tool's answers; pieces it has no answer for don't count."""
    asked = [(piece, answers[piece.name]) for piece in pieces if piece.name in answers]
    with_tempo = [(piece, answer) for piece, answer in asked if answer.has_tempo]
    steady = [(piece, answer) for piece, answer in with_tempo if piece.kind in STEADY and piece.bpm]
    off = [_off(answer.bpm, piece.bpm) for piece, answer in steady]
    beats = [found for piece, answer in steady if (found := beat_f(piece, answer)) is not None]
    keys = [key_score(piece.key, answer.key) for piece, answer in asked if piece.key and answer.has_key]
    beatless = [not answer.bpm for piece, answer in with_tempo if piece.kind == "beatless"]
    changing = [
        follows_change(piece, answer)
        for piece, answer in with_tempo
        if piece.kind in CHANGING and answer.bpm_start and answer.bpm_end
    ]
    return Scores(
        tool,
        _mean([within(answer.bpm, piece.bpm, TEMPO_TOLERANCE, (1,)) for piece, answer in steady]),
        _mean([distance <= TEMPO_TOLERANCE for distance in off]),
        _mean([distance <= CLOSE for distance in off if distance <= TEMPO_TOLERANCE]),
        _mean(beats),
        _mean(keys),
        _mean(beatless),
        sum(not answer.bpm for _, answer in steady),
        _mean(changing),
    )


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


def key_score(true_key: str | None, key: str | None) -> float:
    """1 for the key, .5 a fifth off, .3 for the relative, .2 for the parallel key."""
    if not true_key or not key:
        return 0.0
    return float(mir_eval.key.weighted_score(true_key, key))


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


def table(rows: Iterable[Scores]) -> str:
    """The scores as lines of text, a tool each."""
    columns = ("acc1", "acc2", "close", "beat_f", "key", "beatless", "change")
    lines = ["  ".join([f"{'':24}", *(f"{name:>8}" for name in columns)])]
    for row in rows:
        cells = [getattr(row, name) for name in columns]
        shown = [f"{'–':>8}" if cell is None else f"{cell:8.3f}" for cell in cells]
        lines.append("  ".join([f"{row.tool:24}", *shown]))
    return "\n".join(lines)


def _off(bpm: float | None, true_bpm: float | None, levels: Iterable[float] = LEVELS) -> float:
    if not bpm or not true_bpm:
        return float("inf")
    return min(abs(bpm / (true_bpm * level) - 1) for level in levels)


def _inner(beats: Iterable[float], duration_s: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([beat for beat in beats if BEATS_FROM_S <= beat < duration_s - BEATS_SPARE_S])


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return float(np.mean(numbers)) if numbers else None
