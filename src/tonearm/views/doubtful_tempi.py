"""Tracks whose tempo is in doubt, and the tempi that they could be counted in instead."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import Any

from tonearm.views.track import Track
from tonearm.views.tracks import TrackQuery, Tracks

DOUBT_BELOW = 0.5
"""A tempo with a lower confidence is in doubt."""
DOUBT_FROM = 0.25
"""A tempo is in doubt, too, where another one has at least this probability."""
USUAL = tuple(Fraction(text) for text in ("1/2", "2", "2/3", "3/2", "3/4", "4/3"))
"""The factors that are offered for every tempo in doubt."""


@dataclass(frozen=True, slots=True)
class OtherTempo:
    """Another tempo. times: factor of the measured one: ``3/2``. score: its probability; ``None``: not tried."""

    times: str
    bpm: float
    score: float | None


@dataclass(frozen=True, slots=True)
class DoubtfulTempo:
    """A track whose tempo is in doubt. others: the likeliest first."""

    track: Track
    others: Sequence[OtherTempo]


def is_doubtful(bpm: float | None, confidence: float | None, alternatives: Sequence[Any]) -> bool:
    """Whether a tempo is in doubt."""
    if bpm is None:
        return False
    low = confidence is not None and confidence < DOUBT_BELOW
    return low or any((other["score"] or 0.0) >= DOUBT_FROM for other in alternatives)


def doubtful_tempi(tracks: Tracks, query: TrackQuery, limit: int | None = None) -> Iterator[DoubtfulTempo]:
    """The tracks of a query whose tempo is in doubt, the least certain first, read page by page.

    The probabilities of all tempi of a track have the sum 1, and its confidence is at most that of the one chosen; so
    none above 1 - ``DOUBT_FROM`` is in doubt. A locked tempo is certain.
    """
    within = {**query.ranges, "bpm_confidence": (0.0, 1 - DOUBT_FROM)}
    found = (
        DoubtfulTempo(track, others(track))
        for track in tracks.each(replace(query, ranges=within, sort="bpm_confidence", descending=False))
        if is_doubtful(
            track.results["bpm"], track.results["bpm_confidence"], track.results["bpm_alternatives"] or ()
        )
    )
    return islice(found, limit)


def others(track: Track) -> list[OtherTempo]:
    """The other tempi of a track: the usual factors and those that were tried."""
    bpm = track.results["bpm"]
    scores: dict[Fraction, float | None] = dict.fromkeys(USUAL)
    for other in track.results["bpm_alternatives"] or ():
        scores[Fraction(other["bpm"] / bpm).limit_denominator(4)] = other["score"]
    ordered = sorted(scores.items(), key=lambda each: -(each[1] or 0.0))
    return [OtherTempo(str(times), round(bpm * float(times), 3), score) for times, score in ordered]
