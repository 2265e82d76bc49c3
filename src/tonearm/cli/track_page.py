"""Prints one track: its tags and audio, each result with its unit, curves, and its history."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tonearm.analysis import catalog
from tonearm.analysis.declaration import Column, Series
from tonearm.analysis.value_text import UNKNOWN, relation_text, tempo_doubt, value_text
from tonearm.cli.terminal import cell_width, is_terminal, say, styled, terminal_width, wrapped, write_line
from tonearm.names import printable
from tonearm.views.formatting import duration, moment
from tonearm.views.track import TAG_FIELDS

Track = Mapping[str, Any]

IN_FULL = 12
"""Maximum length of a list without a unit, such as shares, that is printed in full."""
CURVE_WIDTH = 60
"""Maximum number of characters of a curve."""
_BLOCKS = "▁▂▃▄▅▆▇█"


def print_track(track: Track) -> None:
    """Print everything that is stored about a track."""
    say(printable(track["path"]), "bold")
    _print_lines(_about(track))
    doubt = tempo_doubt(track)
    for analyser in catalog.analysers().values():
        write_line()
        _print_lines(
            [
                *((column.label, *_counting(column, track)) for column in analyser.columns),
                *((series.label, *_series(series, track.get(series.name))) for series in analyser.series),
            ]
        )
        if analyser.name == "tempo" and doubt:
            say(doubt, "yellow")
    write_line()
    _print_lines(_history(track))


def _about(track: Track) -> list[tuple[str, str, str]]:
    lines = [("state", track["state"], "")]
    lines += [(name.replace("_", " "), printable(str(track[name])), "") for name in TAG_FIELDS if track[name]]
    lines.append(("audio", _audio(track), ""))
    if track["locked"]:
        lines.append(("set by hand", ", ".join(name.replace("_", " ") for name in track["locked"]), ""))
    lines += [("warning", printable(warning), "") for warning in track["warnings"]]
    lines += [("remark", printable(remark), "") for remark in track["remarks"]]
    if track["tags_warning"]:
        lines.append(("tags", printable(track["tags_warning"]), ""))
    return lines


def _audio(track: Track) -> str:
    if track["codec"] is None:
        return "not read yet"
    bits = f", {track['bit_depth']} bit" if track["bit_depth"] else ""
    rate = f", {track['bit_rate_bps'] / 1000:.0f} kbit/s" if track["bit_rate_bps"] else ""
    channels = "1 channel" if track["channels"] == 1 else f"{track['channels']} channels"
    return (
        f"{track['codec']}, {duration(track['duration_s'])}, {track['sample_rate_hz'] / 1000:g} kHz{bits}, "
        f"{channels}{rate}"
    )


def _counting(column: Column, track: Track) -> tuple[str, str]:
    """The value that counts, with the measured one where a person has locked another, and what the column means."""
    text, description = _value(column, track[column.name])
    if column.name not in track["measured"]:
        return text, description
    return f"{text} (set by hand; measured: {_value(column, track['measured'][column.name])[0]})", description


def _value(column: Column, value: Any) -> tuple[str, str]:
    """A value with its unit, and what the column means."""
    if value is None or value == []:
        return UNKNOWN, column.description
    if isinstance(value, list) and isinstance(value[0], dict) and "bpm" in value[0]:
        text = ", ".join(
            f"{other['bpm']:.1f} {column.unit} ({relation_text(other)}, {other['score']:.0%})"
            for other in value
        )
        return printable(text), column.description
    text = value_text(column, value)
    return printable(f"{text} {column.unit}" if column.unit else text), column.description


def _series(series: Series, values: Any) -> tuple[str, str]:
    """A list in one line: in full where it is short, its length where it is a list of times, otherwise a curve."""
    if isinstance(values, dict):  # counts, with what the first one is of
        values = next((value for value in values.values() if isinstance(value, list)), [])
    if not values:
        return UNKNOWN, series.description
    if isinstance(values[0], dict):
        return curve([window.get("bpm") for window in values], series.unit), series.description
    if series.unit == "s":
        return f"{len(values):,} times", series.description
    if len(values) <= IN_FULL and not series.unit:
        return " ".join(UNKNOWN if value is None else f"{value:.2f}" for value in values), series.description
    step = -(-len(values) // CURVE_WIDTH)
    return curve(values[::step], series.unit), series.description


def _history(track: Track) -> Iterator[tuple[str, str, str]]:
    for event in track["history"]:
        detail = printable(event.get("reason") or event.get("from") or "")
        yield moment(event["at"]), f"{event['what']} {detail}".strip(), ""


def _print_lines(lines: Iterable[tuple[str, str, str]]) -> None:
    """Print names, values and explanations in columns; an explanation that has no room there follows below."""
    rows = list(lines)
    if not rows:
        return
    names = max(cell_width(name) for name, _, _ in rows) + 2
    values = max([cell_width(value) for _, value, note in rows if note and len(value) <= 24], default=0) + 2
    width = terminal_width()
    for name, value, note in rows:
        space = " " * (names - cell_width(name))
        fits = not is_terminal() or names + max(values, cell_width(value) + 2) + cell_width(note) <= width
        texts = [value] if not is_terminal() else list(wrapped(value, width - names))
        gap = " " * max(2, values - cell_width(value))
        after = gap + styled(note, "dim") if note and fits and len(texts) == 1 else ""
        write_line(f"{styled(name, 'dim')}{space}{texts[0]}{after}")
        for text in texts[1:]:
            write_line(" " * names + text)
        if note and not after:
            for text in wrapped(note, width - names):
                write_line(" " * names + styled(text, "dim"))


def curve(values: Sequence[float | None], unit: str = "BPM") -> str:
    """A line of blocks, lowest to highest; a space where there is no value."""
    known = [value for value in values if value is not None]
    if not known:
        return UNKNOWN
    low, high = min(known), max(known)
    if high - low <= 0.01 * abs(high):
        return "".join(" " if value is None else _BLOCKS[3] for value in values) + " steady"
    steps = [" " if value is None else _BLOCKS[round((value - low) / (high - low) * 7)] for value in values]
    return f"{''.join(steps)} {low:.1f} to {high:.1f} {unit}"


def blocks(counts: Sequence[int]) -> str:
    """Numbers as blocks of their height, a space for 0."""
    most = max(counts)
    return "".join(_BLOCKS[round((count / most) * 7)] if count else " " for count in counts)
