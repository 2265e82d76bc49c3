"""How long work takes in the wall clock's time, when workers rest at some hours."""

import itertools
from collections.abc import Sequence

from tonearm.events.states import Shift

WEEK_S = 7 * 86_400.0
"""Hours of work repeat weekly; a change of the wall clock within the week is not foreseen for later weeks."""


def resting(shifts: Sequence[Shift], now: float) -> bool:
    """Whether all workers with slots rest at a Unix time; ``False`` if there are none."""
    takers = [shift for shift in shifts if shift.slots]
    return bool(takers) and not any(_works(shift, now) for shift in takers)


def elapsed_s(work_s: float, now: float, shifts: Sequence[Shift]) -> float | None:
    """Seconds until work is done that would take ``work_s`` if every worker worked all the time.

    ``None``: it never is, as far as is known, because those that rest do so until nobody knows when.
    """
    if not any(shift.stopped or shift.times for shift in shifts):
        return work_s
    week = _portions(now, shifts)
    a_week_s = sum(seconds * share for seconds, share in week)
    if work_s <= 0:
        return 0.0
    if not a_week_s:
        return None
    weeks = int(work_s // a_week_s)
    left_s, passed_s = work_s - weeks * a_week_s, weeks * WEEK_S
    if not left_s:  # it ends where the last portion of work of a week does
        weeks, left_s, passed_s = weeks - 1, a_week_s, passed_s - WEEK_S
    for seconds, share in week:
        if share and left_s <= seconds * share:
            return passed_s + left_s / share
        left_s -= seconds * share
        passed_s += seconds
    return passed_s  # rounding


def all_elapsed_s(
    works_s: tuple[float, float, float], now: float, shifts: Sequence[Shift]
) -> tuple[float, float, float] | None:
    """As ``elapsed_s``, for an estimate and the ends of its range."""
    middle, low, high = (elapsed_s(work_s, now, shifts) for work_s in works_s)
    return None if middle is None or low is None or high is None else (middle, low, high)


def _portions(now: float, shifts: Sequence[Shift]) -> list[tuple[float, float]]:
    """The week from now on: for how many seconds which share of all slots works, in order."""
    edges = {now, now + WEEK_S}
    for shift in shifts:
        edges |= {edge for pair in shift.times for edge in pair if now < edge < now + WEEK_S}
    slots = sum(shift.slots for shift in shifts)
    moments = sorted(edges)
    return [
        (end - begin, sum(shift.slots for shift in shifts if _works(shift, begin)) / max(slots, 1))
        for begin, end in itertools.pairwise(moments)
    ]


def _works(shift: Shift, at: float) -> bool:
    if shift.stopped:
        return False
    return not shift.times or any(begin <= at < end for begin, end in shift.times)
