"""The fields of name templates: tags, facts of the file, and everything that analysers declare."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

from tonearm.analysis.catalog import analysers
from tonearm.library.file_contents import TEXT_TAGS
from tonearm.names import to_text
from tonearm.views.track import AUDIO_FIELDS, TAG_FIELDS, Track

OF_FILE = {
    "name": "present name of the file, without its ending",
    "folder": "name of the folder that the file is in",
    "extension": "ending of the name, in lower case and without the dot",
}
_TAGS = {
    "album_artist": "artist of the album",
    "track": "number on the disc",
    "disc": "number of the disc",
    "year": "year of the release",
    "original_year": "year of the first release",
}
"""What a tag is, where its name does not say it."""
_FACTS: Mapping[str, tuple[type, str, str]] = {
    "audio_hash": (str, "", "identity of the audio, 32 hexadecimal digits"),
    "duration_s": (float, "s", "duration"),
    "decoded_s": (float, "s", "duration of what was decoded"),
    "codec": (str, "", "what the audio is coded as"),
    "container": (str, "", "format of the file"),
    "sample_rate_hz": (int, "Hz", "samples a second"),
    "channels": (int, "", "number of channels"),
    "bit_depth": (int, "", "bits a sample; unknown for lossy formats"),
    "bit_rate_bps": (int, "bit/s", "bits a second of the audio"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of templates.

    source: ``file``, ``tag``, ``fact``, or the name of an analyser. digits: after the decimal point, at most.
    certainty: the field that says from 0 to 1 how certain the value is, if any.
    """

    name: str
    type: type
    description: str
    source: str
    unit: str = ""
    digits: int | None = None
    certainty: str | None = None


@cache
def fields() -> dict[str, Field]:
    """Every field by its name: of the file, the tags, the facts, and the analysers with those of plug-ins."""
    found = [Field(name, str, text, "file") for name, text in OF_FILE.items()]
    found += [
        Field(name, str if name in TEXT_TAGS else int, _TAGS.get(name, name), "tag") for name in TAG_FIELDS
    ]
    for name in AUDIO_FIELDS:
        kind, unit, text = _FACTS[name]
        found.append(Field(name, kind, text, "fact", unit, 0 if kind is float else None))
    for spec in analysers().values():
        certainty = next((each.name for each in spec.columns if each.name.endswith("_confidence")), None)
        for column in spec.columns:
            if column.type is object:
                continue
            sure = None if column.name == certainty else certainty
            text = f"{column.label}: {column.description}"
            found.append(Field(column.name, column.type, text, spec.name, column.unit, column.digits, sure))
    return {field.name: field for field in found}


def types() -> dict[str, type]:
    """The type of every field."""
    return {name: field.type for name, field in fields().items()}


@cache
def reader(name: str) -> Callable[[Track], Any]:
    """What reads the value of a field from a track, ``None`` for unknown."""
    if name in OF_FILE:
        return _OF_FILE[name]
    if fields()[name].source in ("tag", "fact"):
        return attrgetter(name)
    return lambda track: track.results.get(name)


def value_of(track: Track, name: str) -> Any:
    """The value of a field for a track, ``None`` for unknown."""
    return reader(name)(track)


def _name(track: Track) -> str:
    return to_text(os.path.splitext(os.path.basename(track.path))[0])


def _folder(track: Track) -> str | None:
    return to_text(os.path.basename(os.path.dirname(track.path))) or None


def _extension(track: Track) -> str | None:
    return to_text(os.path.splitext(track.path)[1][1:]).lower() or None


_OF_FILE: Mapping[str, Callable[[Track], str | None]] = {
    "name": _name,
    "folder": _folder,
    "extension": _extension,
}
