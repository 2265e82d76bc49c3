"""Numbers are printed in plain form, and with no more digits than are known."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.cli.track_page import curve
from tonearm.events.states import Obstacle, Outlook
from tonearm.views.formatting import (
    between,
    duration,
    moment,
    number,
    obstacle_text,
    outlook_text,
    plural,
    shell_words,
)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (0, "0:00"),
        (9.4, "0:09"),
        (59.6, "1:00"),
        (187, "3:07"),
        (3599.6, "1:00:00"),
        (3723, "1:02:03"),
        (360_000, "100:00:00"),
    ],
)
def test_a_duration_reads_like_a_clock(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


@given(st.floats(0, 1e7))
def test_a_duration_is_right_to_half_a_second(seconds: float) -> None:
    parts = [int(part) for part in duration(seconds).split(":")]
    total = 0
    for part in parts:
        total = total * 60 + part
    assert abs(total - seconds) <= 0.5
    assert all(part < 60 for part in parts[1:])


@pytest.mark.parametrize(
    ("low_s", "high_s", "said"),
    [
        (0, 9.9, "a few seconds"),
        (8, 12, "10 s"),
        (21, 42, "20–40 s"),
        (42, 89, "40–90 s"),
        (60, 90, "1–2 min"),
        (600, 620, "about 10 min"),
        (5000, 5399, "83–90 min"),
        (4000, 7300, "1–2 h"),
        (90_000, 172_800, "1–2 days"),
    ],
)
def test_a_time_to_go_is_told_as_a_range_in_one_unit(low_s: float, high_s: float, said: str) -> None:
    assert between(low_s, high_s) in (said, f"about {said}")


@given(st.floats(10, 1e7), st.floats(1, 3))
def test_the_range_of_a_time_to_go_is_near_the_truth(low_s: float, factor: float) -> None:
    *_, numbers, unit = between(low_s, low_s * factor).split()
    told = [
        float(value) * {"s": 1, "min": 60, "h": 3600, "days": 86_400}[unit] for value in numbers.split("–")
    ]
    assert told[-1] == pytest.approx(low_s * factor, rel=0.35)
    assert told[0] <= told[-1]


@pytest.mark.parametrize(
    ("outlook", "said"),
    [
        (Outlook(), "learning how long it takes"),
        (Outlook(0, 0.0, 0.0, 0.0, 0.0), "nothing left"),
        (Outlook(1), "learning how long it takes · 1 file left"),
        (
            Outlook(68, 14_760.0, 800.0, 720.0, 960.0, Obstacle.DECODING, 0.52),
            "12–16 min to go · 68 files, 4.1 h of audio left · held up by decoding (52%)",
        ),
        (
            Outlook(3, 600.0, held_up_by=Obstacle.PAUSED),
            "3 files, 10 min of audio left · paused",
        ),
        (
            Outlook(2000, 400_000.0, held_up_by=Obstacle.NO_WORKER),
            "2,000 files, 111 h of audio left · no worker takes files",
        ),
    ],
)
def test_what_is_left_and_what_holds_it_up_fit_in_a_line(outlook: Outlook, said: str) -> None:
    assert outlook_text(outlook) == said


def test_every_obstacle_has_words() -> None:
    assert all(obstacle_text(Outlook(held_up_by=obstacle)) for obstacle in Obstacle)


def test_one_is_one_and_more_are_more() -> None:
    said = [plural(count, "file") for count in (0, 1, 2, 1_234_567)]
    assert said == ["0 files", "1 file", "2 files", "1,234,567 files"]


def test_an_unknown_number_is_a_dash() -> None:
    assert (number(None), number(120.04), number(0.0, 2), number(-14.25, 0)) == ("–", "120.0", "0.00", "-14")


def test_a_moment_is_a_date_and_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert moment(1_700_000_000) == "2023-11-14 23:13:20"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert moment(None) == "–"


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], "–"),
        ([None, None], "–"),
        ([120.0], "▄ steady"),
        ([120.0, 120.5, 120.2], "▄▄▄ steady"),
        ([100.0, 170.0], "▁█ 100.0 to 170.0 BPM"),
        ([100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 160.0, 170.0], "▁▂▃▄▅▆▇█ 100.0 to 170.0 BPM"),
        ([None, 100.0, None, 170.0], " ▁ █ 100.0 to 170.0 BPM"),
        ([120.0, None, 120.0], "▄ ▄ steady"),
    ],
)
def test_a_tempo_is_drawn_as_a_curve_with_gaps(values: list[float | None], drawn: str) -> None:
    assert curve(values) == drawn


@given(st.lists(st.none() | st.floats(20, 400), min_size=1))
def test_every_window_has_its_place_in_the_curve(values: list[float | None]) -> None:
    if any(value is not None for value in values):
        line = curve(values)
        for value, sign in zip(values, line, strict=False):
            assert (sign == " ") == (value is None)
            assert sign in " ▁▂▃▄▅▆▇█"
        assert line[len(values)] == " "


def test_paths_are_shown_as_they_can_be_typed() -> None:
    words = shell_words([b"/music", b"/my music/it's", b"/K\xf6ln\n", "/Köln".encode()])
    assert words == """/music '/my music/it'"'"'s' $'/K\\xf6ln\\x0a' '/Köln'"""
    shown = subprocess.run(["bash", "-c", f"printf '%s|' {words}"], capture_output=True, check=True).stdout
    assert shown == b"/music|/my music/it's|" + b"/K\xf6ln\n|" + "/Köln|".encode()
