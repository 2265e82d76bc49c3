"""What the rows of the workers mean, for those who read them."""

from collections.abc import Mapping
from typing import Any

from tonearm.events.states import Shift

LOST_S = 30.0
"""Seconds without a heartbeat after which a worker is shown as lost, and its slots are not counted.

docs/explanation/jobs.md lists this beside the other times after which a worker counts as ended."""
ALONE = "alone:"
"""What the instance of the only process that works on a library in a folder begins with."""


def shift_of(row: Any) -> Shift:
    """When a worker takes jobs, by its row."""
    stopped = row.rest_code is not None and row.rest_until is None
    return Shift(row.slots, tuple((begin, end) for begin, end in row.work_times), stopped)


def log_levels_at(stored: Mapping[str, Mapping[str, Any]], now: float) -> dict[str, str]:
    """The levels that apply at a time by the database's clock, by logger. ``stored``: as in the row of a worker."""
    return {
        logger: one["level"] for logger, one in stored.items() if one["until"] is None or one["until"] > now
    }
