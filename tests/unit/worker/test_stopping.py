"""A person relies on: Ctrl-C is noticed at once, a second one too, and afterwards signals do what they did before."""

import os
import select
import signal
from collections.abc import Iterator

import pytest

from tonearm.worker.stopping import StopSwitch


@pytest.fixture
def stop() -> Iterator[StopSwitch]:
    switch = StopSwitch()
    yield switch
    switch.close()


def rings(stop: StopSwitch) -> bool:
    return bool(select.select([stop.wakeup], [], [], 0)[0])


def test_nobody_has_asked_yet(stop: StopSwitch) -> None:
    assert stop.requests == 0
    assert not rings(stop)
    stop.heard()  # and listening does not wait


def test_a_request_wakes_who_waits_until_it_is_heard(stop: StopSwitch) -> None:
    stop.request()
    assert rings(stop)
    stop.heard()
    assert not rings(stop)
    assert stop.requests == 1


def test_a_second_request_wakes_again(stop: StopSwitch) -> None:
    stop.request()
    stop.heard()
    stop.request()
    assert rings(stop)
    assert stop.requests == 2


@pytest.mark.timeout(20)
def test_any_number_of_requests_neither_blocks_nor_fails(stop: StopSwitch) -> None:
    for _ in range(70_000):
        stop.request()
    assert stop.requests == 70_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_requests_while_it_is_listening_and_what_they_were_before_after_that(
    stop: StopSwitch, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    with stop.on_signals():
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
    assert stop.requests == 2
    assert rings(stop)
    assert signal.getsignal(number) is before


def test_where_nobody_listens_a_second_signal_interrupts(stop: StopSwitch) -> None:
    stop.impatient = True
    with stop.on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requests == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        stop.impatient = False
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.requests == 3


def test_signals_are_given_back_when_the_work_fails(stop: StopSwitch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RuntimeError), stop.on_signals():
        raise RuntimeError
    assert signal.getsignal(signal.SIGTERM) is before
