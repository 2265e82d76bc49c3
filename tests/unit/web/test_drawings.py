"""Drawings show what was measured, at its time."""

import re
from typing import Any

import pytest

from tonearm.web.drawings import curves, keys_over_time, marks_of, waveform

SERIES: dict[str, Any] = {
    "waveform_low": [-60, -6, -6, 0],
    "waveform_mid": [-60, -20, -20, -20],
    "waveform_high": [-60, -60, -60, -60],
    "beats": [0.5, 1.0, 1.5, 4.0, 4.5],
}


def test_a_waveform_is_as_wide_as_its_columns_and_as_high_as_the_loudest() -> None:
    drawn = waveform(SERIES, 2.0)
    assert drawn is not None
    assert drawn.columns == 4
    assert dict(drawn.bands)["low"] == "M0 0V0h1V-50h2V-100h1V0Z"
    assert dict(drawn.bands)["high"] == "M0 0V0h4V0Z"


def test_beats_are_drawn_at_their_times() -> None:
    drawn = waveform(SERIES, 2.0)
    assert drawn is not None
    places = [float(at) for at in re.findall(r"M([\d.]+) -100", drawn.beats)]
    assert [place * drawn.step_s for place in places] == SERIES["beats"]


def test_beats_of_a_day_are_thinned() -> None:
    drawn = waveform({**SERIES, "beats": [number / 2 for number in range(172_800)]}, 21_600.0)
    assert drawn is not None
    assert drawn.beats.count("M") < 5_001
    assert drawn.beats.startswith("M0.00 ")


@pytest.mark.parametrize("series", [{}, {"waveform_low": []}, {**SERIES, "waveform_mid": [-3]}])
def test_no_waveform_is_drawn_of_nothing(series: dict[str, Any]) -> None:
    assert waveform(series, 2.0) is None


def test_a_curve_breaks_where_nothing_is_known_and_a_pause_is_no_slow_beat() -> None:
    found = {
        curve.id: curve for curve in curves({**SERIES, "loudness_curve": [-9.0, None, -12.0, -12.5]}, 5.0)
    }
    assert found["loudness"].path.count("M") == 2
    assert [value for _, value in found["beats"].rows] == ["120.0", "120.0", "–", "120.0"]
    assert found["loudness"].rows[1] == ("0:02", "–")


def test_a_steady_tempo_looks_steady() -> None:
    windows = [{"start_s": at, "end_s": at + 5, "bpm": 120.0 + at / 100} for at in (0, 5, 10)]
    [curve] = curves({"tempo_windows": windows}, 15.0)
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", curve.path)]
    assert max(heights) - min(heights) < 5


def test_windows_of_the_same_key_are_told_together() -> None:
    keys = [("A minor", 0.5), ("A minor", 0.7), (None, 0.0), ("C major", 0.9)]
    windows = [
        {"start_s": 20.0 * number, "key": key, "confidence": sure} for number, (key, sure) in enumerate(keys)
    ]
    assert [
        (span.since, span.until, span.key, span.confidence) for span in keys_over_time(windows, 75.0)
    ] == [
        ("0:00", "0:40", "A minor", "60%"),
        ("0:40", "1:00", "no key", ""),
        ("1:00", "1:15", "C major", "90%"),
    ]
    assert [(round(span.x, 1), round(span.width, 1), span.hue) for span in keys_over_time(windows, 75.0)] == [
        (0.0, 53.3, 240),
        (53.3, 26.7, None),
        (80.0, 20.0, 240),  # C major is beside A minor on the wheel
    ]
    assert keys_over_time([], 75.0) == []


@pytest.mark.parametrize("length_s", [0.3, 9.0, 240.0, 86_400.0])
def test_few_times_are_written_below_a_drawing(length_s: float) -> None:
    assert 1 <= len(marks_of(length_s)) <= 12
