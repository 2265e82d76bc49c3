"""The columns of the table of tracks, and the facts of one track, as texts for pages."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tonearm.analysis.declaration import AnalyserSpec, Column
from tonearm.analysis.value_text import UNKNOWN, relation_text, value_text
from tonearm.names import printable
from tonearm.views.formatting import duration, moment, number
from tonearm.views.track import AUDIO_FIELDS, TAG_FIELDS, Track, TrackDetail


@dataclass(frozen=True)
class ShownColumn:
    """A column of the table. optional: it is left out on a small screen."""

    name: str
    title: str
    text: Callable[[Any], str] = str
    number: bool = False
    optional: bool = False

    @cached_property
    def classes(self) -> str:
        """The classes of its heading and cells."""
        named = {"number": self.number, "optional": self.optional, "path": self.name == "path"}
        return " ".join(name for name, is_so in named.items() if is_so)

    def cell(self, track: Track) -> str:
        """The text for a track; for one without a title, the name of its file stands there."""
        value = track.results[self.name] if self.name in track.results else getattr(track, self.name)
        if self.name == "title" and not value:
            value = os.path.basename(track.path)
        if self.name == "path":
            return printable(value)
        return UNKNOWN if value is None or value == "" else printable(self.text(value))


_STANDARD = (
    ShownColumn("title", "title", text=lambda value: value if isinstance(value, str) else printable(value)),
    ShownColumn("artist", "artist"),
    ShownColumn("bpm", "BPM", number, number=True),
    ShownColumn("key", "key"),
    ShownColumn("camelot", "Camelot", optional=True),
    ShownColumn("loudness_lufs", "LUFS", number, number=True, optional=True),
    ShownColumn("duration_s", "time", duration, number=True, optional=True),
    ShownColumn("state", "state", optional=True),
    ShownColumn("path", "file", optional=True),
)


def shown_columns(
    asked: Iterable[str], analysers: Sequence[AnalyserSpec], chosen: Sequence[str] = ()
) -> list[ShownColumn]:
    """The columns of the table: the chosen ones after the title; without any, the standard ones and those asked for."""
    standard = {each.name: each for each in _STANDARD}
    declared = {column.name: column for spec in analysers for column in spec.columns}
    if chosen:
        names = dict.fromkeys(["title", *chosen])
        return [
            replace(standard.get(name) or _further(name, declared.get(name)), optional=False)
            for name in names
        ]
    added = [_further(name, declared.get(name)) for name in dict.fromkeys(asked) if name not in standard]
    return [*_STANDARD[:-1], *added, _STANDARD[-1]]


def _further(name: str, column: Column | None) -> ShownColumn:
    if column is None:
        text = duration if name == "decoded_s" else str
        return ShownColumn(name, name.replace("_", " "), text)
    title = f"{column.label} ({column.unit})" if column.unit else column.label
    return ShownColumn(
        name, title, lambda value: value_text(column, value), number=column.type in (float, int)
    )


@dataclass(frozen=True, slots=True)
class ResultGroup:
    """What one analyser has returned for a track.

    version: with the time at which it was measured; empty without results.
    stale: why the results are not from the present version.
    """

    name: str
    version: str
    stale: str
    values: Sequence[tuple[str, str, str]]


_UNITS = {
    "_s": lambda value: f"{duration(value)} ({value:.3f} s)",
    "_hz": lambda value: f"{value:,} Hz",
    "_bps": lambda value: f"{value / 1000:,.0f} kbit/s",
}
"""How a value is printed, by the unit at the end of its name."""


def file_facts(track: Track) -> Iterator[tuple[str, str]]:
    """The names and values of what is known about the file itself."""
    yield "state", track.state
    for name in (*TAG_FIELDS, *AUDIO_FIELDS):
        value = getattr(track, name)
        if value is None or value == "":
            continue
        unit = next((end for end in _UNITS if name.endswith(end)), "")
        text = _UNITS[unit](value) if unit else str(value)
        yield name.removesuffix(unit).replace("_", " "), printable(text)


def result_groups(detail: TrackDetail, analysers: Sequence[AnalyserSpec]) -> list[ResultGroup]:
    """The results of each analyser, with units and explanations; beside what is set by hand, what was measured."""
    track = detail.track
    made = {(each["name"], each["version"]): each["made_at"] for each in detail.analysers}
    return [
        ResultGroup(
            spec.name,
            f"version {spec.version}, {moment(made[spec.name, spec.version])}"
            if (spec.name, spec.version) in made
            else "",
            _stale(spec, track.stale),
            [(column.label, _counting(column, track), column.description) for column in spec.columns],
        )
        for spec in analysers
    ]


def _stale(spec: AnalyserSpec, stale: Mapping[str, int | None]) -> str:
    if spec.name not in stale:
        return ""
    found = stale[spec.name]
    return "missing" if found is None else f"from version {found}, now {spec.version}"


def _counting(column: Column, track: Track) -> str:
    text = _value(column, track.results.get(column.name))
    if column.name not in track.measured:
        return text
    return f"{text} (set by hand; measured: {_value(column, track.measured[column.name])})"


def _value(column: Column, value: Any) -> str:
    if value is None or value == []:
        return UNKNOWN
    if isinstance(value, list) and isinstance(value[0], dict) and "bpm" in value[0]:
        return ", ".join(f"{each['bpm']:.1f} ({relation_text(each)}, {each['score']:.0%})" for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value_text(column, value)
    return printable(f"{text} {column.unit}" if column.unit else text)
