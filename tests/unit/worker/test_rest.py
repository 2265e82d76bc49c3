"""A worker rests by the first rule that asks for it, says so, and goes on when no rule does."""

import time
from collections.abc import Callable

import pytest

from tests.clock import Clock
from tonearm.events.event import Event
from tonearm.events.rests import WorkerResting, WorkerResumed, WorkTimesKnown
from tonearm.events.states import RestCode
from tonearm.settings.work_hours import read_hour_range
from tonearm.worker.rest import ASK_S, LONG_S, HoursRule, Rest, RestWatch

NOON = 1_780_000_000


class Rule:
    """Asks for what a test sets."""

    def __init__(self) -> None:
        self.wanted: Rest | None = None
        self.asked = 0

    def rest(self, now: float) -> Rest | None:  # noqa: ARG002  the protocol's
        """What is set."""
        self.asked += 1
        return self.wanted


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def events() -> list[Event]:
    return []


def test_a_rest_is_announced_when_it_begins_when_its_reason_changes_and_when_it_is_over(
    clock: Clock, events: list[Event]
) -> None:
    hours, load = Rule(), Rule()
    watch = RestWatch([hours, load], "nas", events.append, clock)
    assert not watch.turn()
    clock.now += 1
    load.wanted = Rest(RestCode.LOAD, "other programs wait for the CPU")
    assert watch.turn()
    clock.now += 10
    hours.wanted = Rest(RestCode.HOURS, "outside the hours", NOON + 3600)
    assert watch.turn()
    clock.now += 1
    assert watch.turn()
    clock.now = NOON + 3601
    load.wanted = hours.wanted = None
    assert not watch.turn()
    assert events == [
        WorkerResting("nas", RestCode.LOAD, "other programs wait for the CPU", None),
        WorkerResting("nas", RestCode.HOURS, "outside the hours", NOON + 3600),
        WorkerResumed("nas", RestCode.HOURS, 3600.0),
    ]


def test_rules_are_asked_once_a_second_also_when_the_clock_was_put_back(clock: Clock) -> None:
    rule = Rule()
    watch = RestWatch([rule], clock=clock)
    for _ in range(5):
        watch.turn()
        clock.now += 0.3
    assert rule.asked == 2
    clock.now -= 3600
    watch.turn()
    assert rule.asked == 3


def test_a_resting_worker_seldom_asks_whether_its_work_is_over(clock: Clock) -> None:
    rule = Rule()
    watch = RestWatch([rule], clock=clock)
    watch.turn()
    assert watch.may_ask()
    assert watch.may_ask()
    rule.wanted = Rest(RestCode.BATTERY, "on battery")
    clock.now += 1
    watch.turn()
    assert not watch.may_ask()
    clock.now += ASK_S
    assert watch.may_ask()
    assert not watch.may_ask()
    assert not watch.is_long
    clock.now += LONG_S
    assert watch.is_long


def test_without_rules_a_worker_never_rests(clock: Clock) -> None:
    assert not RestWatch(clock=clock).turn()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    return time.tzset


def test_hours_of_the_local_time_zone_are_kept(
    berlin: Callable[[], None], monkeypatch: pytest.MonkeyPatch, events: list[Event]
) -> None:
    try:
        evening = int(time.mktime((2026, 6, 3, 21, 59, 59, 0, 0, -1)))
        rule = HoursRule([read_hour_range("22:00-07:00")], "nas", events.append)
        assert rule.rest(evening) == Rest(RestCode.HOURS, "outside the hours of work_hours", evening + 1)
        assert rule.rest(evening + 1) is None
        assert rule.rest(evening + 9 * 3600) is None
        assert rule.rest(evening + 9 * 3600 + 1) == Rest(
            RestCode.HOURS, "outside the hours of work_hours", evening + 86_401
        )
        known = [event for event in events if isinstance(event, WorkTimesKnown)]
        assert known[0].times[0] == (evening + 1, evening + 1 + 9 * 3600)
    finally:
        monkeypatch.delenv("TZ")
        berlin()
