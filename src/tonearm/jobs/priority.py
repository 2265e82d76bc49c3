"""Who is next: a level from the rules or a person, and a rank that lets waiting jobs age."""

import time
from collections.abc import Sequence

from tonearm.settings import Level, Rule

CRITICAL_HEAD_START_S = 10 * 365 * 86_400.0
"""Critical means a person waits for it: no amount of ageing overtakes it."""


def level_for(rules: Sequence[Rule], size: int, extension: str, mtime_ns: int) -> Level:
    """The level of the first rule that fits the file, or normal."""
    age_s = time.time() - mtime_ns / 1e9
    return next((rule.level for rule in rules if rule.fits(size, extension, age_s)), Level.NORMAL)


def rank(level: Level, queued_at: float, ageing_s: float) -> float:
    """The order of waiting jobs, lowest first.

    A job is overtaken by one a level above it only if that one came less than ``ageing_s`` later. So every
    waiting job moves to the front in bounded time, and the order needs no upkeep: a rank never changes.
    """
    if level == Level.CRITICAL:
        return queued_at - CRITICAL_HEAD_START_S
    return queued_at + int(level) * ageing_s
