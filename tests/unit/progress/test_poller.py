"""The progress of other processes is shown without waiting for the live view."""

import threading
import time

import pytest

from tests.memory_progress import MemoryProgress
from tests.program import until
from tonearm.errors import ServiceUnavailable
from tonearm.progress import poller as glances
from tonearm.progress.poller import ProgressPoller
from tonearm.progress.port import REPORT_VALID_S, RunningFile

FILE = RunningFile("there", 7, 3, b"/m/a.flac", "flac", 5000, "decode", 0.5, 1, 2.0)


class Stubborn(MemoryProgress):
    """A live view that does not answer until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()

    def running(self) -> tuple[RunningFile, ...]:
        if not self.answers.wait(60):
            raise ServiceUnavailable("nobody answers")
        return super().running()


class Broken(MemoryProgress):
    """A live view that is unavailable."""

    asked = 0

    def running(self) -> tuple[RunningFile, ...]:
        self.asked += 1
        raise ServiceUnavailable("nobody answers")


def watched(poller: ProgressPoller) -> tuple[threading.Event, threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=poller.run, args=(stop,))
    thread.start()
    return stop, thread


def jobs(poller: ProgressPoller) -> list[int]:
    return [file.job for file in poller.running()]


def test_what_is_seen_is_at_hand_at_once_however_slow_the_live_view_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(glances, "EVERY_S", 0.01)
    progress = Stubborn()
    progress.report("there", [FILE])
    poller = ProgressPoller(progress)
    stop, thread = watched(poller)
    try:
        began = time.monotonic()
        assert poller.running() == ()
        assert time.monotonic() - began < 50  # it answers after 60 s
        progress.answers.set()
        until(lambda: bool(jobs(poller)))
        assert jobs(poller) == [7]
        progress.answers.clear()
        assert jobs(poller) == [7]
    finally:
        stop.set()
        progress.answers.set()
        thread.join()


def test_what_was_seen_too_long_ago_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = MemoryProgress()
    progress.report("there", [FILE])
    poller = ProgressPoller(progress)
    stop, thread = watched(poller)
    until(lambda: bool(jobs(poller)))
    stop.set()
    thread.join()
    later = time.monotonic() + REPORT_VALID_S + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert poller.running() == ()


class Pauses(threading.Event):
    """A request to stop that comes in the tenth pause, and no pause takes any time."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return len(self.seconds) == 10


def test_a_live_view_that_is_away_is_asked_less_often() -> None:
    progress, stop = Broken(), Pauses()
    ProgressPoller(progress).run(stop)
    assert progress.asked == 9
    assert stop.seconds[1] <= glances.EVERY_S
    assert min(stop.seconds[5:]) >= glances.LONGEST_PAUSE_S / 2
    assert max(stop.seconds) <= glances.LONGEST_PAUSE_S
