"""The hours in which a worker works: reads them as they are written, and finds when they begin and end.

A range is written ``22:00-07:00``, or with the weekdays on which it begins: ``Mon-Fri 22:00-07:00``,
``Sat Sun 00:00-24:00``. Times are those of this host's wall clock, so a range is an hour shorter or longer where the
clock is changed in it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FORM = 'hours such as "22:00-07:00", with weekdays "Mon-Fri 22:00-07:00" or "Sat Sun 00:00-24:00"'
HORIZON_DAYS = 9
"""For how many days times are told: more than a week, after which they repeat."""

_TIME = r"([01]?\d|2[0-4]):([0-5]\d)"
_RANGE = re.compile(rf"(?P<days>(?:[A-Za-z]{{3}}(?:-[A-Za-z]{{3}})?\s+)*){_TIME}\s*-\s*{_TIME}")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class HourRange:
    """Hours that begin on some weekdays (0: Monday); minutes since midnight. They may end on the next day."""

    days: frozenset[int]
    begins: int
    ends: int


def read_hour_range(written: str) -> HourRange:
    """Read a range. Raises ValueError."""
    found = _RANGE.fullmatch(written.strip())
    if found is None:
        raise ValueError(f"must be {FORM}")
    begins, ends = (int(found[at]) * 60 + int(found[at + 1]) for at in (2, 4))
    if max(begins, ends) > _DAY_MINUTES or begins in (_DAY_MINUTES, ends):
        raise ValueError(f"must be {FORM}")
    days = frozenset(day for part in found["days"].split() for day in _days(part))
    return HourRange(days or frozenset(range(7)), begins, ends)


def _days(written: str) -> Iterator[int]:
    names = written.lower().split("-")
    if any(name not in DAYS for name in names):
        raise ValueError(f"must be {FORM}; weekdays are {', '.join(name.title() for name in DAYS)}")
    first, last = DAYS.index(names[0]), DAYS.index(names[-1])
    yield from ((first + more) % 7 for more in range((last - first) % 7 + 1))


def work_times(
    ranges: Sequence[HourRange], now: float, zone: "tzinfo | None" = None
) -> tuple[tuple[int, int], ...]:
    """From when until when the worker works, in the next days and now; as Unix times, in order, none touching another.

    zone: the time zone; ``None``: this host's.
    """
    from datetime import datetime, timedelta  # loaded only where hours are kept

    today = datetime.fromtimestamp(now, zone).date()
    spans = []
    for more in range(-1, HORIZON_DAYS + 1):
        day = datetime.combine(today, datetime.min.time(), zone) + timedelta(days=more)
        for one in ranges:
            if day.weekday() in one.days:
                ends = one.ends if one.ends > one.begins else one.ends + _DAY_MINUTES
                spans.append((_moment(day, one.begins), _moment(day, ends)))
    until = int(now) + HORIZON_DAYS * 86_400
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if end <= now or begin >= until or end <= begin:
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return tuple((begin, min(end, until)) for begin, end in merged)


def _moment(day: "datetime", minutes: int) -> int:
    """The Unix time at which the wall clock shows so many minutes after the midnight of a day."""
    from datetime import timedelta

    wall = day.replace(tzinfo=None) + timedelta(minutes=minutes)
    return int(wall.replace(tzinfo=day.tzinfo).timestamp())
