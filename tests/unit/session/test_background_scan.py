"""A background scan ends when it is asked to, and its exceptions are always reported."""

import threading
import time
from collections.abc import Iterator

import pytest

from tonearm.errors import StorageFull
from tonearm.session.background_scan import BackgroundScan
from tonearm.worker.signals import StopSwitch


@pytest.fixture
def stop() -> Iterator[StopSwitch]:
    switch = StopSwitch()
    yield switch
    switch.close()


@pytest.mark.parametrize("complete", [True, False])
def test_it_tells_whether_everything_was_scanned(stop: StopSwitch, complete: bool) -> None:
    scan = BackgroundScan(lambda: complete, threading.Event(), stop)
    assert not scan.complete
    scan.start()
    scan.wait()
    assert scan.ended
    assert scan.complete is complete


def test_what_it_raises_is_raised_where_it_is_waited_for(stop: StopSwitch) -> None:
    def full() -> bool:
        raise StorageFull("no room")

    scan = BackgroundScan(full, threading.Event(), stop)
    scan.start()
    with pytest.raises(StorageFull, match="no room"):
        scan.wait()
    assert not scan.complete


def test_its_end_wakes_the_loop_that_works_meanwhile(stop: StopSwitch) -> None:
    scan = BackgroundScan(lambda: True, threading.Event(), stop)
    scan.start()
    scan.wait()
    stop.clear_wakeup()  # raises nothing, and waits for nothing
    assert stop.requests == 0


def test_a_cancelled_scan_ends(stop: StopSwitch) -> None:
    cancelled = threading.Event()
    scan = BackgroundScan(lambda: not cancelled.wait(60), cancelled, stop)
    scan.start()
    scan.cancel()
    scan.wait()
    assert not scan.complete


def test_a_scan_that_hangs_is_left_after_a_second_request_to_stop(stop: StopSwitch) -> None:
    never = threading.Event()
    scan = BackgroundScan(lambda: never.wait(60), threading.Event(), stop)
    scan.start()
    stop.request()
    stop.request()
    began = time.monotonic()
    scan.wait()
    assert 0.5 < time.monotonic() - began < 50
    assert not scan.ended
    assert not scan.complete
    never.set()
