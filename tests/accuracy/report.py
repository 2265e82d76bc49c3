"""Tables of scores: means with intervals, differences of pairs, groups of pieces."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tests.accuracy.scores import MEASURES, Scores, score
from tests.accuracy.truth import Answer, Piece

RESAMPLES = 2000
CONFIDENCE = 95.0

CONFIDENCES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Edges of the classes of confidence."""


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The bootstrap interval of the mean: percentiles of the means of resampled values; the seed is fixed."""
    numbers = np.asarray(values, np.float64)
    drawn = np.random.default_rng(0).integers(0, len(numbers), (RESAMPLES, len(numbers)))
    means = numbers[drawn].mean(axis=1)
    low, high = np.percentile(means, [(100 - CONFIDENCE) / 2, (100 + CONFIDENCE) / 2])
    return float(low), float(high)


def differences(ours: Scores, other: Scores, measure: str) -> list[float]:
    """Our points less another tool's, piece by piece, over the pieces that both were asked for."""
    mine, theirs = ours.points[measure], other.points[measure]
    return [mine[name] - theirs[name] for name in mine if name in theirs]


def as_json(rows: Iterable[Scores], ours: Scores) -> dict[str, Any]:
    """Everything that the tables show, by tool and measure."""
    return {
        row.tool: {measure: _cell(row, ours, measure) for measure in MEASURES if row.points[measure]}
        for row in rows
    }


def _cell(row: Scores, ours: Scores, measure: str) -> dict[str, Any]:
    values = list(row.points[measure].values())
    cell: dict[str, Any] = {"mean": row[measure], "n": len(values), "interval": interval(values)}
    pairs = differences(ours, row, measure)
    if row is not ours and pairs:
        cell["ours_less_this"] = {"mean": float(np.mean(pairs)), "n": len(pairs), "interval": interval(pairs)}
    return cell


def table(rows: Sequence[Scores]) -> str:
    """The means, a tool each line; below each tool the bootstrap interval where there are two pieces or more."""
    measures = [measure for measure in MEASURES if any(row.points[measure] for row in rows)]
    lines = ["  ".join([f"{'':26}", *(f"{measure:>11}" for measure in measures)])]
    for row in rows:
        cells = [row[measure] for measure in measures]
        lines.append("  ".join([f"{row.tool:26}", *(_number(cell) for cell in cells)]))
        spans = [_span(list(row.points[measure].values())) for measure in measures]
        lines.append("  ".join([f"{'':26}", *(f"{span:>11}" for span in spans)]))
    return "\n".join(lines)


def paired(rows: Sequence[Scores], ours: Scores) -> str:
    """Our mean advantage over each other tool on the pieces of both, with its interval."""
    measures = [measure for measure in ("acc1", "acc2", "beat_f", "key") if ours.points[measure]]
    lines = ["  ".join([f"{'ours less theirs':26}", *(f"{measure:>22}" for measure in measures)])]
    for row in rows:
        if row is ours:
            continue
        cells = []
        for measure in measures:
            pairs = differences(ours, row, measure)
            cells.append(f"{np.mean(pairs):+.3f} ({_span(pairs)}) {len(pairs):>3}" if pairs else "–")
        lines.append("  ".join([f"{row.tool:26}", *(f"{cell:>22}" for cell in cells)]))
    return "\n".join(lines)


def groups(pieces: Sequence[Piece], answers: Mapping[str, Answer], field: str) -> str:
    """Our scores by set (``kind``) or by ``style``, with the number of pieces."""
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(getattr(piece, field) or "–", []).append(piece)
    rows = [score(f"{name} ({len(members)})", members, answers) for name, members in sorted(found.items())]
    return table(rows)


def reliability(pieces: Sequence[Piece], answers: Mapping[str, Answer], ours: Scores) -> str:
    """How often a tempo (Acc1) and a key are right, by the confidence given: mean confidence, share right, pieces."""
    lines = []
    for what, measure in (("tempo", "acc1"), ("key", "key_exact")):
        given = {piece.name: getattr(answers[piece.name], f"{what}_confidence") for piece in pieces}
        rows = [
            (given[name], right) for name, right in ours.points[measure].items() if given[name] is not None
        ]
        for low, high in pairwise(CONFIDENCES):
            inside = [row for row in rows if low <= row[0] < high or row[0] == high == 1]
            if inside:
                said, right = np.mean(inside, axis=0)
                lines.append(
                    f"{what:6} {low:.2f}–{high:.2f}  said {said:.2f}  right {right:.2f}  {len(inside):>4}"
                )
    return "\n".join(lines)


def _number(cell: float | None) -> str:
    return f"{'–':>11}" if cell is None else f"{cell:11.3f}"


def _span(values: Sequence[float]) -> str:
    if len(values) < 2:
        return ""
    low, high = interval(values)
    return f"{low:.2f}–{high:.2f}" if low >= 0 else f"{low:+.2f}–{high:+.2f}"
