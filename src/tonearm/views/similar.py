"""Tracks that sound about like one: near in tempo, and of those the nearest in energy, brightness and loudness."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tonearm.views.track import Track
from tonearm.views.tracks import TrackQuery, Tracks

MOST_SIMILAR = 200
COMPARED = 150
"""Number of tracks that are compared on each side of each tempo."""
TEMPO_RANGE = 1.06
STEPS: Mapping[str, float] = {"energy": 0.1, "brightness": 0.1, "loudness_lufs": 3.0}
"""What counts as one step apart; a tempo does for every ``TEMPO_STEP``."""
TEMPO_STEP = 0.03
FELT = (1.0, 2.0, 0.5)


@dataclass(frozen=True, slots=True)
class SimilarTrack:
    """A track, and how far it is from the other one in steps: about 1 is hard to tell apart."""

    track: Track
    distance: float


def similar_tracks(tracks: Tracks, track: Track, limit: int) -> list[SimilarTrack]:
    """The tracks that are nearest to one, the nearest first; none for a track without a tempo. Raises StorageError."""
    own = track.to_json()
    found: dict[int, SimilarTrack] = {}
    for other in _near_in_tempo(tracks, own):
        values = other.to_json()
        if values["id"] != own["id"] and (distance := _distance(own, values)) is not None:
            found[values["id"]] = SimilarTrack(other, round(distance, 3))
    return sorted(found.values(), key=lambda each: (each.distance, each.track.path))[:limit]


def _near_in_tempo(tracks: Tracks, own: Mapping[str, Any]) -> Iterator[Track]:
    bpm = own.get("bpm")
    if not bpm:
        return
    for felt in FELT:
        tempo = bpm * felt
        for low, high, descending in (
            (tempo, tempo * TEMPO_RANGE, False),
            (tempo / TEMPO_RANGE, tempo, True),
        ):
            query = TrackQuery(ranges={"bpm": (low, high)}, sort="bpm", descending=descending)
            yield from tracks.page(query, None, COMPARED).tracks


def _distance(own: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
    """How far two tracks are apart in what is known of both; ``None`` where one lacks a tempo."""
    if not other.get("bpm"):
        return None
    ratio = math.log2(other["bpm"] / own["bpm"])
    total = ((2 ** abs(ratio - round(ratio)) - 1) / TEMPO_STEP) ** 2
    for name, step in STEPS.items():
        if own.get(name) is not None and other.get(name) is not None:
            total += ((own[name] - other[name]) / step) ** 2
    return math.sqrt(total)
