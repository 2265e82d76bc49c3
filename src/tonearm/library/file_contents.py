"""The facts about one file, declared once: its tags, its audio, its container, and the result of decoding.

The child fills these records in, the worker checks them against their types, and the library stores them: the fields of
``Tags``, ``SoundFacts`` and ``DecodeFacts`` are columns of the tables ``tags`` and ``audio``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Annotated, Any

Size = Annotated[int, "size"]
"""A whole number, zero or more, that can exceed 32 bits."""


AUDIO_ID = "audio_id"
"""Name of the column that says, in tables of what was measured, which audio a row belongs to."""

TEXT_TAGS = ("title", "artist", "album", "album_artist", "genre")
NUMBER_TAGS = ("track", "disc", "year", "original_year")
"""The fields of ``Tags`` that a person sees, filters and sorts by: texts, and whole numbers."""


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a file. Several values of one field are joined by "; ", and cut like a single one.

    art_count, art_bytes, art_mime: embedded pictures, their size together, the type of the first.
    original_year: of the first release; ``year`` is the same where nothing else is said.
    everything: each tag as written, cut to what a table can hold; binary ones are described.
    exact: the bytes, in base 64, of those values that text can't hold; ``None`` for the others of the same key.
    warning: why tags could not be read, ``None`` when all is well.
    All text is free of NULs and lone surrogates.
    """

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    track: int | None = None
    track_total: int | None = None
    disc: int | None = None
    disc_total: int | None = None
    year: int | None = None
    original_year: int | None = None
    genre: str | None = None
    art_count: int = 0
    art_bytes: Size = 0
    art_mime: str | None = None
    everything: dict[str, list[str]] = field(default_factory=dict)
    exact: dict[str, list[str | None]] = field(default_factory=dict)
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """Facts about the audio that are the same in every file with this audio.

    bit_depth: bits a sample, ``None`` for lossy formats.
    """

    codec: str
    sample_rate_hz: int
    channels: int
    bit_depth: int | None


@dataclass(frozen=True, slots=True)
class DecodeFacts:
    """The result of decoding; the same for every file with this audio.

    decoded_s: seconds of decoded audio.
    intact: decoding reached the end, and no more than a moment was lost to damage.
    warnings: one sentence for each kind of damage.
    """

    decoded_s: float
    intact: bool
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Facts about one file, which may differ between files with the same audio.

    declared_s: the length that its header declares, ``None`` when unknown; an estimate unless ``declared_exact``.
    cut: why the file is known to be truncated; empty when it is not.
    unreadable: number of parts of the container that could not be read.
    remarks: sentences about what is unusual and no damage.
    """

    container: str
    bit_rate_bps: Size | None
    declared_s: float | None
    declared_exact: bool
    cut: str = ""
    unreadable: Size = 0
    remarks: list[str] = field(default_factory=list)

    @property
    def exact_s(self) -> float | None:
        """The declared length, ``None`` where it is an estimate."""
        return self.declared_s if self.declared_exact else None


def values_of(record: Tags | SoundFacts | DecodeFacts) -> dict[str, Any]:
    """The fields of a record by their names. ``dataclasses.asdict`` would copy every value, for every file."""
    names, values = _FIELDS[type(record)]
    return dict(zip(names, values(record), strict=True))


def _fields(record: type[Any]) -> tuple[tuple[str, ...], Callable[[object], tuple[Any, ...]]]:
    """The names of a record's fields, and what returns their values."""
    names = tuple(each.name for each in fields(record))
    return names, attrgetter(*names)


_FIELDS = {record: _fields(record) for record in (Tags, SoundFacts, DecodeFacts)}
