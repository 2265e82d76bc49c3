"""Urgent jobs are taken first, and no job waits without a limit."""

import time

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.library_fixture import AGEING_S, Library, found, take_one
from tonearm.jobs.priority import CRITICAL_HEAD_START_S, level_for, rank
from tonearm.settings import Level, Rule

LEVELS = st.sampled_from(list(Level))
ORDINARY = st.sampled_from([level for level in Level if level != Level.CRITICAL])
MOMENTS = st.floats(1.5e9, 2.5e9)
AGEING = st.floats(1, 1e6)


def taken_in_order(library: Library) -> list[bytes]:
    order = []
    while (lease := take_one(library.job_store, "worker", None)) is not None:
        order.append(lease.path)
    return order


def test_jobs_are_taken_by_level_and_then_by_age(library: Library) -> None:
    run = library.run()
    for level in (Level.LOW, Level.NORMAL, Level.BACKGROUND, Level.CRITICAL, Level.HIGH):
        library.meet(run, b"%d first" % level, level=level)
    for level in Level:
        library.meet(run, b"%d second" % level, level=level)
    order = taken_in_order(library)
    assert order == sorted(order)
    assert len(order) == 10


def test_a_job_that_has_waited_long_enough_comes_before_a_more_urgent_one(library: Library) -> None:
    run = library.run()
    library.meet(run, b"low", level=Level.LOW)
    library.change("UPDATE jobs SET rank = rank - :s, queued_at = queued_at - :s", s=2.1 * AGEING_S)
    library.meet(run, b"critical", level=Level.CRITICAL)
    library.meet(run, b"high", level=Level.HIGH)
    assert taken_in_order(library) == [b"critical", b"low", b"high"]


@given(ORDINARY, MOMENTS, ORDINARY, st.floats(0, 1e7) | st.floats(0, 10), AGEING)
def test_nothing_is_overtaken_by_what_came_too_late_for_its_level(
    waiting: Level, since: float, urgent: Level, slack: float, ageing_s: float
) -> None:
    head_start = (waiting - urgent) * ageing_s
    first = rank(waiting, since, ageing_s)
    assert first < rank(urgent, since + head_start + slack + 1e-3, ageing_s)
    assert first > rank(urgent, since + head_start - slack - 1e-3, ageing_s)


@given(LEVELS, MOMENTS, st.floats(1e-3, 1e8), AGEING)
def test_within_a_level_the_older_comes_first(
    level: Level, since: float, later: float, ageing_s: float
) -> None:
    assert rank(level, since, ageing_s) < rank(level, since + later, ageing_s)


@given(MOMENTS, ORDINARY, st.floats(0, CRITICAL_HEAD_START_S / 2), AGEING)
def test_critical_is_never_overtaken(since: float, other: Level, waited: float, ageing_s: float) -> None:
    assert rank(Level.CRITICAL, since, ageing_s) < rank(other, since - waited, ageing_s)


def test_the_first_rule_that_fits_decides() -> None:
    rules = (
        Rule(level=Level.LOW, larger_than_mb=100),
        Rule(level=Level.HIGH, formats=("flac",)),
        Rule(level=Level.BACKGROUND, modified_within_days=1),
    )
    old, new = 0, time.time_ns() - 3600 * 10**9
    assert level_for(rules, 10**9, "flac", new) == Level.LOW
    assert level_for(rules, 10, "flac", new) == Level.HIGH
    assert level_for(rules, 10, "mp3", new) == Level.BACKGROUND
    assert level_for(rules, 10, "mp3", old) == Level.NORMAL


def test_a_file_from_the_future_is_a_recent_one() -> None:
    tomorrow = time.time_ns() + 86_400 * 10**9
    assert level_for((Rule(level=Level.HIGH, modified_within_days=7),), 1, "mp3", tomorrow) == Level.HIGH


def test_the_rules_judge_a_file_when_it_is_met(library: Library) -> None:
    library.intake._rules = (Rule(level=Level.HIGH, larger_than_mb=1),)
    run = library.run()
    library.meet(run, found(b"large.flac", size=2_000_000), found(b"small.flac", size=10))
    rows = library.rows("SELECT level, level_by FROM jobs ORDER BY id")
    assert rows == [{"level": 1, "level_by": "rules"}, {"level": 2, "level_by": "rules"}]
