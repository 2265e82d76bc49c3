"""One track on a terminal: what it is, what was measured, and its tempo as a curve."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tonearm.cli.formatting import duration, moment, number
from tonearm.names import printable

_BLOCKS = "▁▂▃▄▅▆▇█"


def print_track(track: dict[str, Any], console: Console) -> None:
    """Print all that is known of a track, for a person."""
    console.print(Text(printable(track["path"]), "bold"))
    grid = Table.grid(padding=(0, 2))
    for name, value in _lines(track):
        grid.add_row(Text(name, "dim"), Text(value))
    console.print(grid)


def _lines(track: dict[str, Any]) -> list[tuple[str, str]]:
    told = [
        ("state", track["state"]),
        ("title", printable(track["title"] or "–")),
        ("artist", printable(track["artist"] or "–")),
        ("album", printable(track["album"] or "–")),
        ("audio", _audio(track)),
        ("tempo", _tempo(track)),
        ("curve", curve([window["bpm"] for window in track["tempo_windows"]])),
        ("key", _key(track)),
        ("loudness", _loudness(track)),
    ]
    told += [("warning", printable(warning)) for warning in track["warnings"]]
    if track["tags_warning"]:
        told.append(("tags", printable(track["tags_warning"])))
    for event in track["history"]:
        detail = printable(event.get("reason") or event.get("from") or "")
        told.append((moment(event["at"]), f"{event['what']} {detail}".strip()))
    return told


def _audio(track: dict[str, Any]) -> str:
    if track["codec"] is None:
        return "–"
    bits = f", {track['bit_depth']} bit" if track["bit_depth"] else ""
    rate = f", {track['bit_rate_bps'] / 1000:.0f} kbit/s" if track["bit_rate_bps"] else ""
    return (
        f"{track['codec']}, {duration(track['duration_s'])}, {track['sample_rate_hz'] / 1000:g} kHz{bits}, "
        f"{track['channels']} channels{rate}"
    )


def _tempo(track: dict[str, Any]) -> str:
    if track["bpm"] is None:
        return "no beat"
    others = ", ".join(
        f"{other['bpm']:.1f} ({other['relation']})" for other in track["bpm_alternatives"] or []
    )
    return (
        f"{track['bpm']:.2f} BPM, confidence {number(track['bpm_confidence'], 2)}, "
        f"start {number(track['bpm_start'])}, end {number(track['bpm_end'])}, "
        f"{len(track['beats'])} beats" + (f"; or {others}" if others else "")
    )


def _key(track: dict[str, Any]) -> str:
    if track["key"] is None:
        return "none"
    return (
        f"{track['key']} ({track['camelot']}, {track['open_key']}), confidence "
        f"{number(track['key_confidence'], 2)}, or {track['key_alternative']}, "
        f"tuning {number(track['tuning_cents'], 0)} cents"
    )


def _loudness(track: dict[str, Any]) -> str:
    return (
        f"{number(track['loudness_lufs'])} LUFS, range {number(track['loudness_range_lu'])} LU, "
        f"true peak {number(track['true_peak_dbtp'])} dBTP, "
        f"ReplayGain {number(track['replaygain_track_gain_db'], 2)} dB"
    )


def curve(values: list[float | None]) -> str:
    """A line of blocks, lowest to highest; a space where there is no value."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    low, high = min(known), max(known)
    if high - low < 0.01 * high:
        return "".join(" " if value is None else _BLOCKS[3] for value in values) + " steady"
    steps = [" " if value is None else _BLOCKS[round((value - low) / (high - low) * 7)] for value in values]
    return f"{''.join(steps)} {low:.1f} to {high:.1f} BPM"
