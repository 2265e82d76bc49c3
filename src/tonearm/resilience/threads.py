"""Background threads that are named, reported when they fail, and started again."""

import functools
import math
import threading
import time
from collections.abc import Callable

from tonearm.events.event import Announce
from tonearm.events.facts import Warned
from tonearm.events.report import where
from tonearm.events.states import Severity, WarningCode
from tonearm.resilience.backoff import Backoff, Rounds
from tonearm.resilience.loop_watchdog import LoopTurns

RESTART = Backoff(1.0, 60.0, least=1.0)
CALM_S = 300.0
"""After a failure, a body that ran for at least this many seconds is started again after the shortest pause."""

TURN_S = 5.0
"""A loop that rests for longer than this many seconds turns once in each such period."""

Body = Callable[[threading.Event], None]
"""Works until the event is set. Each wait for the event is a turn of the body's loop."""


class _Stop(threading.Event):
    """The event that ends one body; notes a turn of the body's loop whenever it waits for the event."""

    def __init__(self, turned: Callable[[], None]) -> None:
        super().__init__()
        self._turned = turned

    def wait(self, timeout: float | None = None) -> bool:
        """Wait as ``threading.Event.wait`` does."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            self._turned()
            left = max(0.0, until - time.monotonic())
            if super().wait(min(left, TURN_S)):
                return True
            if left <= TURN_S:
                return False


class SupervisedThreads:
    """Runs bodies, each in its own thread, until closed.

    A body handles unavailable services itself, so an exception that leaves it is an error in this program. The
    exception is announced, and the body is started again after a pause that doubles each time.
    """

    def __init__(self, announce: Announce, turns: LoopTurns | None = None) -> None:
        """``turns``: where the turns of the bodies are noted, each under the name of its thread."""
        self._announce = announce
        self._turns = turns or LoopTurns()
        self._stops: list[threading.Event] = []
        self._threads: list[threading.Thread] = []

    def start(self, name: str, body: Body) -> None:
        """Run ``body`` in a thread named ``name``."""
        stop = _Stop(functools.partial(self._turns.turned, name))
        thread = threading.Thread(target=self._run, args=(name, body, stop), name=name, daemon=True)
        self._stops.append(stop)
        self._threads.append(thread)
        thread.start()

    def close(self, seconds: float) -> None:
        """Ask every body to end, and wait up to ``seconds`` for all of them; announces those that don't end."""
        for stop in self._stops:
            stop.set()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        left = [thread.name for thread in self._threads if thread.is_alive()]
        if left:
            text = f"still busy after {seconds:.0f} s and left to end with this process: {', '.join(left)}"
            self._announce(Warned(WarningCode.THREAD_LEFT_BEHIND, text))

    def _run(self, name: str, body: Body, stop: threading.Event) -> None:
        try:
            self._repeat(name, body, stop)
        finally:
            self._turns.ended(name)

    def _repeat(self, name: str, body: Body, stop: threading.Event) -> None:
        rounds = Rounds(RESTART, stop.wait)
        for failures in rounds:
            began = time.monotonic()
            try:
                body(stop)
                return
            except Exception as error:  # noqa: BLE001  a thread must not end without a report
                if failures and time.monotonic() - began >= CALM_S:
                    rounds.succeeded(RESTART.base_s)
                text = f"{name} failed and is started again: {where(error)}"
                self._announce(Warned(WarningCode.THREAD_FAILED, text, severity=Severity.ERROR))
