"""Hours are those of the wall clock, on the weekdays on which they begin, over midnight and changes of the clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tonearm.errors import ConfigurationError
from tonearm.settings import load_settings
from tonearm.settings.work_hours import read_hour_range, work_times

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def times(now: str, *ranges: str) -> list[tuple[float, float]]:
    return list(work_times([read_hour_range(each) for each in ranges], at(now), BERLIN))


def test_hours_over_midnight_end_on_the_next_day() -> None:
    found = times("2026-06-03 12:00", "22:00-07:00")
    assert found[:2] == [
        (at("2026-06-03 22:00"), at("2026-06-04 07:00")),
        (at("2026-06-04 22:00"), at("2026-06-05 07:00")),
    ]
    assert times("2026-06-03 03:00", "22:00-07:00")[0] == (at("2026-06-02 22:00"), at("2026-06-03 07:00"))
    assert times("2026-06-03 07:00", "22:00-07:00")[0] == (at("2026-06-03 22:00"), at("2026-06-04 07:00"))


def test_weekdays_are_those_on_which_hours_begin() -> None:
    friday = "2026-06-05 12:00"
    assert times(friday, "Fri 22:00-07:00")[:2] == [
        (at("2026-06-05 22:00"), at("2026-06-06 07:00")),
        (at("2026-06-12 22:00"), at("2026-06-13 07:00")),
    ]
    assert times(friday, "Mon-Fri 22:00-23:00")[1] == (at("2026-06-08 22:00"), at("2026-06-08 23:00"))
    assert times(friday, "sat sun 1:00-02:30")[:2] == [
        (at("2026-06-06 01:00"), at("2026-06-06 02:30")),
        (at("2026-06-07 01:00"), at("2026-06-07 02:30")),
    ]
    assert times(friday, "Sat-Mon 10:00-11:00")[2] == (at("2026-06-08 10:00"), at("2026-06-08 11:00"))


def test_ranges_that_touch_are_one() -> None:
    found = times("2026-06-05 12:00", "Mon-Fri 22:00-24:00", "Sat Sun 00:00-24:00", "Mon 00:00-05:00")
    assert found[0] == (at("2026-06-05 22:00"), at("2026-06-08 05:00"))
    [always] = times("2026-06-05 12:00", "00:00-24:00")
    assert always[0] <= at("2026-06-05 12:00") < at("2026-06-13 12:00") < always[1]


def test_hours_are_shorter_or_longer_where_the_clock_is_changed() -> None:
    forward = times("2026-03-28 20:00", "22:00-07:00")[0]
    assert forward[1] - forward[0] == 8 * HOUR
    back = times("2026-10-24 20:00", "22:00-07:00")[0]
    assert back[1] - back[0] == 10 * HOUR
    assert all(
        datetime.fromtimestamp(begin, BERLIN).hour == 22 and datetime.fromtimestamp(end, BERLIN).hour == 7
        for begin, end in times("2026-10-20 12:00", "22:00-07:00")[:-1]
    )


def test_hours_that_do_not_exist_on_a_day_are_left_out() -> None:
    assert times("2026-03-28 20:00", "02:00-03:00")[0] == (at("2026-03-30 02:00"), at("2026-03-30 03:00"))


@pytest.mark.parametrize(
    "written",
    [
        "22:00",
        "22-07",
        "22:00-22:00",
        "25:00-07:00",
        "24:00-07:00",
        "22:60-07:00",
        "Moo 22:00-07:00",
        "Mon-22:00",
        "24:30-01:00",
    ],
)
def test_what_is_no_range_of_hours_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError, match="must be hours such as"):
        load_settings({"work_hours": written})


def test_several_ranges_are_an_array_or_a_text_with_commas() -> None:
    both = ("Mon-Fri 22:00-07:00", "Sat Sun 00:00-24:00")
    assert load_settings({"work_hours": ", ".join(both)}).work_hours == both
    assert load_settings({"work_hours": list(both)}).work_hours == both
    assert load_settings({}).work_hours == ()
