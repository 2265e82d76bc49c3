"""Drawings of a track as paths for SVG: the waveform with beats, and curves over time."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, TypeVar

from tonearm.graph.key_names import named_camelot
from tonearm.views.activity import SPAN_S
from tonearm.views.formatting import duration

HALF = 100
"""Height of one half of the waveform, in units of its drawing; a column is one unit wide."""
WIDTH, HEIGHT = 1000, 100
"""Size of a curve's drawing."""
TICK = 12
"""Length of a beat's mark at either edge of the waveform."""
LEAST_RANGE = 4.0
"""Minimum range of a curve in its unit, so that a steady tempo looks steady."""
MARKS = 6
"""Number of times that are written below a drawing, at most."""
MOST_POINTS = 5_000
"""Maximum number of beats and of points that are drawn: of a sound of hours every second one, or every third, …"""
ROWS = 60
"""Maximum number of rows of a table."""
BANDS = ("low", "mid", "high")
Point = TypeVar("Point")


@dataclass(frozen=True, slots=True)
class Waveform:
    """The drawing of a waveform. columns: its width. bands: name and path of each, the lower half mirrored.

    beats: a path. step_s: seconds a unit of width. marks: where times are written, in percent of the width.
    """

    columns: int
    step_s: float
    bands: Sequence[tuple[str, str]]
    beats: str
    marks: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Curve:
    """The drawing of a curve. low, high: the ends of its scale. rows: time and value, for a table."""

    id: str
    title: str
    unit: str
    path: str
    low: str
    high: str
    said: str
    rows: Sequence[tuple[str, str]]
    marks: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class KeySpan:
    """A key that holds for some time. since, until, confidence: as texts.

    x, width: where it is drawn, in percent. hue: its place on the wheel in degrees, so that keys that mix have similar
    colours; ``None`` where no key was found.
    """

    since: str
    until: str
    key: str
    confidence: str
    x: float
    width: float
    hue: int | None
    is_minor: bool


@dataclass(frozen=True, slots=True)
class HistoryBars:
    """Bars of one unit of width, the highest of ``HEIGHT``. most: the number that it stands for."""

    path: str
    most: int


def history_bars(rates: Sequence[float]) -> HistoryBars:
    """The drawing of how many files ended in each span; rates: files a second."""
    most = max(rates, default=0.0)
    heights = [rate / most * HEIGHT if most else 0.0 for rate in rates]
    bars = "".join(
        f"M{at + 0.1:.1f} {HEIGHT}v{-height:.1f}h.8V{HEIGHT}Z" for at, height in enumerate(heights) if height
    )
    return HistoryBars(bars, round(most * SPAN_S))


def waveform(series: Mapping[str, Any], step_s: float | None) -> Waveform | None:
    """The drawing of a track's waveform; ``None`` where it was not measured."""
    levels = {band: series.get(f"waveform_{band}") or [] for band in BANDS}
    columns = len(levels["low"])
    if not columns or not step_s or any(len(each) != columns for each in levels.values()):
        return None
    loudest = max(_amplitude(level) for each in levels.values() for level in each)
    scale = HALF / max(loudest, 0.02)
    bands = [(band, _outline([round(_amplitude(level) * scale) for level in levels[band]])) for band in BANDS]
    beats = "".join(
        f"M{at / step_s:.2f} {-HALF}v{TICK}m0 {2 * (HALF - TICK)}v{TICK}"
        for at in _thinned(series.get("beats") or ())
    )
    return Waveform(columns, step_s, bands, beats, marks_of(columns * step_s))


def curves(series: Mapping[str, Any], length_s: float) -> Iterator[Curve]:
    """Tempo, tempo from beat to beat, and loudness over time, those that are known."""
    windows = [each for each in series.get("tempo_windows") or () if each.get("bpm") is not None]
    yield from _curve(
        "tempo",
        "Tempo",
        "BPM",
        [((each["start_s"] + each["end_s"]) / 2, each["bpm"]) for each in windows],
        length_s,
    )
    yield from _curve("beats", "Tempo from beat to beat", "BPM", _gaps(series.get("beats") or ()), length_s)
    loudness = [(second + 0.5, level) for second, level in enumerate(series.get("loudness_curve") or ())]
    yield from _curve("loudness", "Loudness of three seconds", "LUFS", loudness, length_s)


def keys_over_time(windows: Sequence[Mapping[str, Any]], length_s: float) -> list[KeySpan]:
    """The keys of a track one after the other, neighbours of the same key together."""
    found = []
    groups = [list(group) for _, group in groupby(windows, key=lambda each: each.get("key"))]
    for group, following in pairwise([*groups, None]):
        assert group is not None  # noqa: S101  only the last one is
        until = following[0]["start_s"] if following else length_s
        sure = [each.get("confidence") or 0.0 for each in group]
        key = group[0].get("key")
        found.append(
            KeySpan(
                duration(group[0]["start_s"]),
                duration(until),
                key or "no key",
                f"{sum(sure) / len(sure):.0%}" if key else "",
                group[0]["start_s"] / length_s * 100 if length_s else 0.0,
                (until - group[0]["start_s"]) / length_s * 100 if length_s else 0.0,
                hue_of(key),
                (key or "").endswith("minor"),
            )
        )
    return found


def hue_of(key: str | None) -> int | None:
    """The place of a key on the wheel, in degrees; a minor key has that of its relative major."""
    try:
        return None if key is None else int(named_camelot(key)[:-1]) % 12 * 30
    except ValueError:
        return None


def marks_of(length_s: float) -> list[tuple[str, str]]:
    """Times to write below a drawing, with their places in percent of its width."""
    step = next((each for each in (1, 5, 10, 30, 60, 300, 600, 3600) if length_s / each <= MARKS), 7200)
    return [
        (f"{at / length_s * 100:.2f}%", duration(at)) for at in range(0, max(1, math.ceil(length_s)), step)
    ]


def _gaps(beats: Sequence[float]) -> list[tuple[float, float | None]]:
    """The tempo of each interval at its end; ``None`` for a pause: more than two usual intervals, or less than half."""
    intervals = [(later, later - at) for at, later in pairwise(beats) if later > at]
    if not intervals:
        return []
    usual = statistics.median(interval for _, interval in intervals)
    return [(at, 60 / interval if usual / 2 <= interval <= usual * 2 else None) for at, interval in intervals]


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    return points[:: max(1, -(-len(points) // MOST_POINTS))]


def _amplitude(level_db: float) -> float:
    return float(10 ** (level_db / 20))


def _outline(heights: Sequence[int]) -> str:
    """The upper outline of columns of one unit of width."""
    runs = ((height, len(list(group))) for height, group in groupby(heights))
    return "M0 0" + "".join(f"V{-height}h{columns}" for height, columns in runs) + "V0Z"


def _curve(
    id: str,  # noqa: A002  HTML's name
    title: str,
    unit: str,
    points: Sequence[tuple[float, float | None]],
    length_s: float,
) -> Iterator[Curve]:
    known = [value for _, value in points if value is not None]
    if len(known) < 2 or length_s <= 0:
        return
    low, high = min(known), max(known)
    half = max(LEAST_RANGE / 2, (high - low) / 2 * 1.1)
    bottom, top = (low + high) / 2 - half, (low + high) / 2 + half
    parts, is_open = [], False
    for at, value in _thinned(points):
        if value is None:
            is_open = False
            continue
        x, y = at / length_s * WIDTH, (top - value) / (top - bottom) * HEIGHT
        parts.append(f"{'L' if is_open else 'M'}{x:.1f} {y:.1f}")
        is_open = True
    every = -(-len(points) // ROWS)
    rows = [(duration(at), "–" if value is None else f"{value:.1f}") for at, value in points[::every]]
    said = f"{title} from {low:.1f} to {high:.1f} {unit}"
    marks = marks_of(length_s)
    yield Curve(id, title, unit, "".join(parts), f"{bottom:.0f}", f"{top:.0f}", said, rows, marks)
