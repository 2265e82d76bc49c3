"""A track as it is shown, in a list and alone, and its JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from tonearm.library.file_contents import AUDIO_ID, NUMBER_TAGS, TEXT_TAGS
from tonearm.names import path_fields

TAG_FIELDS = (*TEXT_TAGS, *NUMBER_TAGS)
AUDIO_FIELDS = (
    "audio_hash",
    "duration_s",
    "decoded_s",
    "codec",
    "container",
    "sample_rate_hz",
    "channels",
    "bit_depth",
    "bit_rate_bps",
)
FACTS = ("state", *AUDIO_FIELDS, *TAG_FIELDS)
_facts = attrgetter(*FACTS)


@dataclass(frozen=True, slots=True)
class Track:
    """A file with its tags, technical facts and current results.

    id: of the file in this library. path: exact bytes, whole. Unknown is ``None``.
    state: how its last analysis ended, or ``waiting``, ``missing`` or ``left-out``.
    results: what the analysers returned, by column. stale: by analyser, the version that the results are from where
    that is not the present one; ``None`` where there are none.
    locked: what a person has locked: ``bpm``, ``first_beat``, ``key``. measured: what was measured in place of the
    results that count instead.
    """

    id: int
    path: bytes
    state: str
    audio_hash: str | None
    duration_s: float | None
    decoded_s: float | None
    codec: str | None
    container: str | None
    sample_rate_hz: int | None
    channels: int | None
    bit_depth: int | None
    bit_rate_bps: int | None
    title: str | None
    artist: str | None
    album: str | None
    album_artist: str | None
    track: int | None
    disc: int | None
    year: int | None
    original_year: int | None
    genre: str | None
    results: Mapping[str, Any]
    stale: Mapping[str, int | None]
    locked: Sequence[str] = ()
    measured: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return {
            "id": self.id,
            **path_fields(self.path),
            **dict(zip(FACTS, _facts(self), strict=True)),
            **self.results,
            "stale": dict(self.stale),
            "locked": list(self.locked),
            "measured": dict(self.measured),
        }


@dataclass(frozen=True, slots=True)
class TrackDetail:
    """Everything that is stored about one track.

    complete: whether the file has all the audio that it declares. warnings: about damage of the file.
    remarks: about what is unusual in it and no damage.
    series: beats, curves and the like, by name. analysers: name, version and ``made_at`` of every stored result.
    tags: each tag as written. tags_b64: the bytes of values that text can't hold, in base 64.
    tags_warning: what was wrong with them. art: count, bytes and type of the pictures.
    history: everything that happened to the file, the oldest first.
    """

    track: Track
    complete: bool | None
    warnings: Sequence[str]
    remarks: Sequence[str]
    series: Mapping[str, Any]
    analysers: Sequence[Mapping[str, Any]]
    tags: Mapping[str, Any]
    tags_b64: Mapping[str, Any]
    tags_warning: str | None
    art: Mapping[str, Any] | None
    history: Sequence[Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Its JSON object: that of the track, and the rest beside it."""
        return {
            **self.track.to_json(),
            "complete": self.complete,
            "warnings": list(self.warnings),
            "remarks": list(self.remarks),
            **self.series,
            "analysers": list(self.analysers),
            "tags": self.tags,
            "tags_b64": self.tags_b64,
            "tags_warning": self.tags_warning,
            "art": self.art,
            "history": list(self.history),
        }


RESERVED = frozenset(
    {each.name for of in (Track, TrackDetail) for each in fields(of)} | set(path_fields(b"\xff")) | {AUDIO_ID}
)
"""Names that no column or series of an analyser may have: a track has them already, in JSON or in a table."""
