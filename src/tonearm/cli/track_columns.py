"""The columns of the list of tracks, and how a value of a track is printed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tonearm.analysis import catalog
from tonearm.analysis.value_text import UNKNOWN, value_text
from tonearm.cli.tables import Column
from tonearm.library.file_contents import NUMBER_TAGS, TEXT_TAGS
from tonearm.names import printable
from tonearm.views.formatting import duration, number

Track = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrackColumn:
    """A column of the list, and how it prints the value of a track."""

    name: str
    column: Column
    print: Callable[[Any], str]

    def cell(self, track: Track) -> str:
        """The text that is shown for a track."""
        value = track[self.name]
        return UNKNOWN if value is None or value == "" else printable(self.print(value))


def _text(name: str, rank: int, title: str | None = None, least: int | None = None) -> TrackColumn:
    return TrackColumn(name, Column(title or name.replace("_", " "), rank, least), str)


def _seconds(name: str, rank: int, title: str) -> TrackColumn:
    return TrackColumn(name, Column(title, rank, right=True), duration)


def _whole(name: str, title: str) -> TrackColumn:
    return TrackColumn(name, Column(title, 1, right=True), str)


def _names(locked: Any) -> str:
    return ", ".join(name.replace("_", " ") for name in locked) or UNKNOWN


_STANDARD = (
    _text("title", 1, least=10),
    _text("artist", 2, least=8),
    _seconds("duration_s", 4, "time"),
    TrackColumn("bpm", Column("BPM", 1, right=True), number),
    _text("key", 3),
    _text("camelot", 6, "Camelot"),  # another name of the key
    TrackColumn("loudness_lufs", Column("LUFS", 7, right=True), number),
    _text("state", 5),
    TrackColumn("locked", Column("set by hand", 8), _names),
    TrackColumn("path", Column("file", 0, least=12, path=True), str),
)
_FURTHER = (
    *(_text(name, 1, least=8) for name in TEXT_TAGS if name not in ("title", "artist")),
    _text("codec", 1),
    _text("container", 1),
    _text("audio_hash", 1, "audio"),
    _seconds("decoded_s", 1, "decoded"),
    _whole("sample_rate_hz", "Hz"),
    _whole("channels", "channels"),
    _whole("bit_depth", "bits"),
    TrackColumn("bit_rate_bps", Column("kbit/s", 1, right=True), lambda rate: f"{rate / 1000:.0f}"),
    *(_whole(name, name.replace("_", " ")) for name in NUMBER_TAGS),
)


def columns_for(wanted: Iterable[str]) -> list[TrackColumn]:
    """The columns of a list: the standard ones and those in ``wanted``, which are never left out."""
    asked = set(wanted) - {"path"}
    standard = {each.name for each in _STANDARD}
    added = [
        *(each for each in _FURTHER if each.name in asked),
        *(_measured(name) for name in catalog.columns() if name in asked - standard),
    ]
    shown = [*_STANDARD[:-1], *added, _STANDARD[-1]]
    return [
        replace(each, column=replace(each.column, rank=0)) if each.name in asked else each for each in shown
    ]


def _measured(name: str) -> TrackColumn:
    _, declared = catalog.columns()[name]
    title = f"{declared.label} ({declared.unit})" if declared.unit else declared.label
    right = declared.type in (float, int)
    return TrackColumn(
        name,
        Column(title, right=right, least=None if right else 8),
        lambda value: value_text(declared, value),
    )
