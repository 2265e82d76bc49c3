"""A background thread that fails is reported and started again."""

import threading

import pytest

from tonearm.events.bus import EventBus
from tonearm.events.event import Event
from tonearm.events.facts import Warned
from tonearm.events.report import unheard
from tonearm.events.states import Severity, WarningCode
from tonearm.resilience import threads as module
from tonearm.resilience.backoff import Backoff
from tonearm.resilience.threads import SupervisedThreads


def test_a_thread_has_its_name_and_ends_when_asked() -> None:
    names: list[str] = []
    said: list[Event] = []

    def body(stop: threading.Event) -> None:
        names.append(threading.current_thread().name)
        stop.wait(60)

    threads = SupervisedThreads(said.append)
    threads.start("outbox relay", body)
    threads.close(60)
    assert names == ["outbox relay"]
    assert said == []
    assert "outbox relay" not in {thread.name for thread in threading.enumerate()}


def test_a_thread_that_fails_is_announced_and_started_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "RESTART", Backoff(0.01, 1.0))
    said: list[Event] = []
    works = threading.Event()
    starts = 0

    def body(stop: threading.Event) -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise ZeroDivisionError("a mistake")
        works.set()
        stop.wait(60)

    threads = SupervisedThreads(said.append)
    threads.start("reporter", body)
    assert works.wait(60)
    threads.close(60)
    assert starts == 3
    warnings = [event for event in said if isinstance(event, Warned)]
    assert [(one.code, one.severity) for one in warnings] == [(WarningCode.THREAD_FAILED, Severity.ERROR)] * 2
    assert "reporter failed" in warnings[0].text
    assert "ZeroDivisionError: a mistake (test_threads.py:" in warnings[0].text
    for heard in (EventBus(), unheard):
        heard(warnings[0])
        assert capsys.readouterr().err.count("reporter failed") == 1, "where nobody writes warnings"
    bus = EventBus()
    bus.subscribe(said.append, "the log", tells=True)
    bus(warnings[0])
    assert capsys.readouterr().err == ""


def test_a_thread_that_keeps_failing_is_started_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    enough = threading.Event()

    class Noted(Backoff):
        def delay_s(self, failures: int) -> float:
            counted.append(failures)
            if failures == 5:
                enough.set()
            return 0.001

    monkeypatch.setattr(module, "RESTART", Noted(1.0, 60.0))

    def body(_: threading.Event) -> None:
        raise ValueError("always")

    threads = SupervisedThreads(lambda _: None)
    threads.start("broken", body)
    assert enough.wait(60)
    threads.close(60)
    assert counted[:5] == [1, 2, 3, 4, 5], "each pause is that of one failure more"


def test_a_thread_that_does_not_end_is_named() -> None:
    said: list[Event] = []
    let_go = threading.Event()
    threads = SupervisedThreads(said.append)
    threads.start("graph relay", lambda _: (let_go.wait(60), None)[1])
    threads.close(0.1)
    let_go.set()
    [warning] = said
    assert isinstance(warning, Warned)
    assert warning.code == WarningCode.THREAD_LEFT_BEHIND
    assert "graph relay" in warning.text
