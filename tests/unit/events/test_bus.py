"""A subscriber can neither stop nor delay the work, and events that it missed are reported."""

import math
import re
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.clock import Clock
from tests.program import until
from tonearm.events import queued
from tonearm.events.bus import EventBus
from tonearm.events.event import Event
from tonearm.events.facts import ScanProgress, Summary, Warned
from tonearm.events.states import Severity, WarningCode


def progress(number: int) -> ScanProgress:
    return ScanProgress(number, 0)


class Stalled:
    """A subscriber that stops at its first event until it is let go."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.stopped = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, event: Event) -> None:
        self.heard.append(event)
        self.stopped.set()
        self.go_on.wait(60)


@pytest.fixture
def bus() -> Iterator[EventBus]:
    bus = EventBus()
    yield bus
    bus.close()


@pytest.fixture
def stalled() -> Iterator[Stalled]:
    stalled = Stalled()
    yield stalled
    stalled.go_on.set()


def broken(event: Event) -> None:
    if isinstance(event, ScanProgress):
        raise ValueError(f"can't count to {event.discovered}")


def test_every_subscriber_hears_every_event_in_order(bus: EventBus) -> None:
    at_once: list[Event] = []
    later: list[Event] = []
    bus.subscribe(at_once.append)
    bus.subscribe_queued(later.append, "later")
    events = [progress(number) for number in range(1000)]
    for event in events:
        bus(event)
    assert at_once == events
    bus.close()
    assert later == events


def test_a_summary_does_not_end_the_bus(bus: EventBus) -> None:
    heard: list[Event] = []
    bus.subscribe(heard.append)
    summary = Summary(1, 0, 0, 0, 0, 0, 0, 0.0, 0.0)
    for event in (summary, progress(1)):
        bus(event)
    assert heard == [summary, progress(1)]


@pytest.mark.parametrize("how", ["in line", "queued"])
def test_a_subscriber_that_fails_is_reported_once_and_the_others_hear_all(
    bus: EventBus, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[Event] = []
    if how == "queued":
        bus.subscribe_queued(broken, "the counter")
    else:
        bus.subscribe(broken, "the counter")
    bus.subscribe(heard.append)
    for number in range(5):
        bus(progress(number))
    until(lambda: any(isinstance(event, Warned) for event in heard))
    bus.close()
    assert [event for event in heard if isinstance(event, ScanProgress)] == [progress(n) for n in range(5)]
    [warning] = [event for event in heard if isinstance(event, Warned)]
    assert (warning.code, warning.severity) == (WarningCode.SUBSCRIBER_FAILED, Severity.ERROR)
    assert "the counter failed" in warning.text
    assert "ValueError: can't count to 0 (test_bus.py:" in warning.text
    assert capsys.readouterr().err == f"tonearm: {warning.text}\n"


def test_a_failing_subscriber_hears_the_next_event(bus: EventBus) -> None:
    heard: list[Event] = []

    def sometimes(event: Event) -> None:
        if event == progress(1):
            raise KeyError("once")
        heard.append(event)

    bus.subscribe(sometimes)
    for number in range(3):
        bus(progress(number))
    assert [event for event in heard if isinstance(event, ScanProgress)] == [progress(0), progress(2)]


def test_subscribers_that_fail_at_reports_too_end_in_no_loop(bus: EventBus) -> None:
    def always(_: Event) -> None:
        raise ValueError("always")

    bus.subscribe(always, "one")
    bus.subscribe(always, "two")
    bus.subscribe_queued(always, "three")
    bus(progress(1))
    bus.close()


def test_a_subscriber_that_stalls_holds_nobody_up_and_what_it_missed_is_counted(
    bus: EventBus, stalled: Stalled, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[Event] = []
    bus.subscribe(heard.append)
    bus.subscribe_queued(stalled, "the log", room=3)
    bus(progress(0))
    assert stalled.stopped.wait(60)
    began = time.monotonic()
    for number in range(1, 11):
        bus(progress(number))
    assert time.monotonic() - began < 50  # it stops for 60 s
    assert heard == [progress(number) for number in range(11)]
    assert bus.dropped() == {"the log": 7}
    stalled.go_on.set()
    until(lambda: len(stalled.heard) == 4)
    bus.close()
    [warning] = [event for event in heard if isinstance(event, Warned)]
    assert warning.code == WarningCode.EVENTS_DROPPED
    assert "the log was too slow and missed 7 events" in warning.text
    assert "missed 7 events" in capsys.readouterr().err
    assert stalled.heard == [*(progress(number) for number in range(4)), warning]


def test_closing_waits_for_a_slow_subscriber_as_long_as_it_goes_on(
    bus: EventBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(queued, "time", clock)
    heard: list[Event] = []

    def slow(event: Event) -> None:
        time.sleep(0.005)
        clock.now += 0.9
        heard.append(event)

    bus.subscribe_queued(slow, "the terminal", stalled_s=1.0, close_s=math.inf)
    for number in range(120):  # it needs longer than that for all of them together
        bus(progress(number))
    bus.close()
    assert len(heard) == 120


def test_closing_waits_for_all_slow_subscribers_no_longer_than_for_one_in_all(
    bus: EventBus, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: dict[str, list[Event]] = {"the log": [], "the trace export": []}

    def slow(name: str) -> Callable[[Event], None]:
        def hear(event: Event) -> None:
            time.sleep(0.1)
            heard[name].append(event)

        return hear

    for name in heard:
        bus.subscribe_queued(slow(name), name, stalled_s=5.0, close_s=1.0)
    for number in range(200):
        bus(progress(number))
    began = time.monotonic()
    bus.close()
    assert time.monotonic() - began < 15  # each needs 20 s
    said = capsys.readouterr().err
    for name, events in heard.items():
        missed = re.search(rf"{name} is too slow; it missed the last (\d+) events", said)
        assert missed is not None
        assert 0 < int(missed[1]) <= 200 - len(events) + 1


def test_a_reader_of_the_output_is_waited_for_however_slow_it_is(bus: EventBus) -> None:
    heard: list[Event] = []

    def slow(event: Event) -> None:
        time.sleep(0.01)
        heard.append(event)

    bus.subscribe_queued(heard.append, "another", close_s=0.1)
    bus.subscribe_queued(slow, "standard output", stalled_s=math.inf, close_s=math.inf)
    for number in range(60):
        bus(progress(number))
    bus.close()
    assert len(heard) == 120


def test_closing_does_not_wait_for_one_that_takes_nothing(
    bus: EventBus, stalled: Stalled, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.subscribe_queued(stalled, "the trace export", stalled_s=0.3)
    for number in range(3):
        bus(progress(number))
    assert stalled.stopped.wait(60)
    began = time.monotonic()
    bus.close()
    assert time.monotonic() - began < 50  # it stops for 60 s
    assert "the trace export does not respond; it missed the last 3 events" in capsys.readouterr().err


def test_after_it_is_closed_nothing_is_heard(bus: EventBus) -> None:
    heard: list[Event] = []
    bus.subscribe(heard.append)
    bus.close()
    bus.close()
    bus(progress(1))
    assert heard == []


def test_a_subscriber_may_announce_what_it_finds(bus: EventBus) -> None:
    heard: list[Event] = []

    def answer(event: Event) -> None:
        if event == progress(1):
            bus(progress(2))

    bus.subscribe(heard.append)
    bus.subscribe_queued(answer, "answers")
    bus(progress(1))
    until(lambda: len(heard) == 2)
    assert heard == [progress(1), progress(2)]


def test_many_threads_lose_no_event_and_all_subscribers_hear_one_order(bus: EventBus) -> None:
    at_once: list[Event] = []
    later: list[Event] = []
    bus.subscribe(at_once.append)
    bus.subscribe_queued(later.append, "later", room=queued.DEFAULT_ROOM)

    def announce(first: int) -> None:
        for number in range(first, first + 500):
            bus(progress(number))

    threads = [threading.Thread(target=announce, args=(number * 1000,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bus.close()
    assert len(at_once) == 2000
    assert later == at_once


def test_a_queued_subscriber_has_a_thread_of_its_name(bus: EventBus) -> None:
    names: list[str] = []
    bus.subscribe_queued(lambda _: names.append(threading.current_thread().name), "the log")
    bus(progress(1))
    bus.close()
    assert names == ["the log"]


def test_a_subscriber_is_spared_the_kinds_of_events_that_are_not_for_it(bus: EventBus) -> None:
    heard: list[Event] = []
    bus.subscribe_queued(heard.append, "the screen", room=1, leave_out=(ScanProgress,))
    for number in range(100):
        bus(progress(number))
    bus(Warned(WarningCode.NO_SANDBOX, "x"))
    until(lambda: bool(heard))
    assert heard == [Warned(WarningCode.NO_SANDBOX, "x")]
    assert bus.dropped() == {"the screen": 0}
