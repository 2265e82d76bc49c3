"""A loop that no longer turns is told from one that rests and from one that waits for a server."""

import threading

import pytest

from tests.clock import Clock
from tonearm.resilience import threads as module
from tonearm.resilience.breaker import BreakerPolicy, CircuitBreaker
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.resilience.probes import ProbeGate
from tonearm.resilience.threads import SupervisedThreads


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


def test_a_turn_is_as_old_as_it_is(clock: Clock) -> None:
    turns = LoopTurns(clock)
    turns.turned("relay")
    clock.now += 7
    turns.turned("supervisor")
    clock.now += 1
    found = turns.snapshot()
    assert {name: turn.turned_s for name, turn in found.items()} == {"relay": 8, "supervisor": 1}
    assert {turn.calling_s for turn in found.values()} == {None}


def test_a_loop_that_has_ended_is_not_expected_to_turn(clock: Clock) -> None:
    turns = LoopTurns(clock)
    turns.turned("supervisor")
    turns.ended("supervisor")
    turns.ended("never begun")
    assert turns.snapshot() == {}
    turns.call_began()  # in a thread that has no loop any more
    turns.call_ended()


def test_a_call_of_a_server_through_a_breaker_shows_that_the_loop_waits_for_it(clock: Clock) -> None:
    turns = LoopTurns(clock)
    breaker = CircuitBreaker("x", BreakerPolicy(minimum_calls=1), lambda _: None, clock, turns)
    turns.turned("relay")
    clock.now += 1
    breaker.admit()
    clock.now += 40
    assert turns.snapshot()["relay"].calling_s == 40
    breaker.failed(40, "no answer")
    clock.now += 2
    assert turns.snapshot()["relay"].calling_s is None
    assert turns.snapshot()["relay"].silent_s == 2  # the end of a call is a sign of life
    assert turns.snapshot()["relay"].turned_s == 43
    gate = ProbeGate(breaker)  # which is open now
    gate.admit()
    clock.now += 3
    assert turns.snapshot()["relay"].calling_s == 3
    gate.failed(3, "no answer")
    assert turns.snapshot()["relay"].calling_s is None


def test_calls_of_other_threads_say_nothing_about_a_loop(clock: Clock) -> None:
    turns = LoopTurns(clock)
    turns.turned("relay")
    other = threading.Thread(target=turns.call_began)
    other.start()
    other.join()
    assert turns.snapshot()["relay"].calling_s is None


def test_a_background_thread_turns_while_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_S", 0.01)
    turned: list[str] = []
    enough = threading.Event()

    class Noted(LoopTurns):
        def turned(self, name: str) -> None:
            super().turned(name)
            turned.append(name)
            if len(turned) > 3:
                enough.set()

    def rest(stop: threading.Event) -> None:
        stop.wait(3600)

    turns = Noted()
    threads = SupervisedThreads(lambda _: None, turns)
    threads.start("history", rest)
    assert enough.wait(60)
    assert list(turns.snapshot()) == ["history"]
    threads.close(60)
    assert turns.snapshot() == {}
