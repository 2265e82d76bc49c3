"""The first and the second Ctrl-C act at once, and signal handlers are restored afterwards."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.program import until
from tonearm.worker.signals import StopSwitch


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
    stop.clear_wakeup()  # and listening does not wait


def test_a_request_makes_the_wakeup_readable_until_it_is_cleared(stop: StopSwitch) -> None:
    stop.request()
    assert rings(stop)
    stop.clear_wakeup()
    assert not rings(stop)
    assert stop.requests == 1


def test_a_second_request_wakes_again(stop: StopSwitch) -> None:
    stop.request()
    stop.clear_wakeup()
    stop.request()
    assert rings(stop)
    assert stop.requests == 2


@pytest.mark.timeout(120)
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
        for requests in (1, 2):
            os.kill(os.getpid(), number)
            until(lambda: stop.requests == requests)  # noqa: B023  it is called before the next turn of the loop
    assert rings(stop)
    assert signal.getsignal(number) is before


HANGS = """
import ctypes, os, sys
from tonearm.worker import signals
signals.FORCED_EXIT_S = 0.3
with signals.StopSwitch().on_signals():
    print("hanging", flush=True)
    ctypes.CDLL(None).sleep(1000)
"""


def test_what_hangs_in_the_kernel_can_be_left_by_a_second_signal() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGS], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stdout.readline() == b"hanging\n"
            process.terminate()
            time.sleep(0.4)
            assert process.poll() is None, "one signal asks for no haste"
            process.terminate()
            assert process.wait(60) == 130
            assert b"does not answer" in process.stderr.read()
        finally:
            process.kill()


def test_signals_are_given_back_when_the_work_fails(stop: StopSwitch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RuntimeError), stop.on_signals():
        raise RuntimeError
    assert signal.getsignal(signal.SIGTERM) is before
