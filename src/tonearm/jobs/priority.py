"""The order of jobs: a level from the rules or a person, and a rank by which waiting jobs age."""

import time
from collections.abc import Sequence

from tonearm.settings import Level, Rule

CRITICAL_HEAD_START_S = 10 * 365 * 86_400.0
"""Seconds that are subtracted from the rank of critical jobs, so that they are taken before any other job."""


def level_for(rules: Sequence[Rule], size: int, extension: str, mtime_ns: int) -> Level:
    """The level of the first rule that fits the file, or normal."""
    age_s = time.time() - mtime_ns / 1e9
    return next((rule.level for rule in rules if rule.fits(size, extension, age_s)), Level.NORMAL)


def rank(level: Level, queued_at: float, ageing_s: float) -> float:
    """The rank of a waiting job; the lowest rank is taken first.

    A job of the next more urgent level is taken before this one only if it was queued less than ``ageing_s`` later.
    Therefore every job is taken within a bounded time, and ranks never have to be updated.
    """
    if level == Level.CRITICAL:
        return queued_at - CRITICAL_HEAD_START_S
    return queued_at + int(level) * ageing_s
