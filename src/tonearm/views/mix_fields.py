"""Tracks that mix, as JSON."""

from typing import Any

from tonearm.graph.port import Mix
from tonearm.graph.track import GraphTrack
from tonearm.names import path_fields


def track_fields(track: GraphTrack) -> dict[str, Any]:
    """A track as JSON."""
    return {
        **path_fields(track.path),
        "title": track.title,
        "artist": track.artist,
        "bpm": track.bpm,
        "key": track.key,
        "camelot": track.camelot,
        "energy": track.energy,
    }


def mix_fields(mix: Mix) -> dict[str, Any]:
    """A mix as JSON."""
    return {
        **track_fields(mix.track),
        "relation": mix.relation.value,
        "tempo_change_percent": round(mix.change.percent, 3),
        "felt_at": mix.change.level,
        "score": mix.score,
    }
