"""Finds out whether child processes start and answer.

The children that the work needs are evidence enough: while one of them is ready, none is started for a probe. A process
without a ready child, as one is that has had no job yet, starts a real one with the same settings, waits until it is
ready, and ends it.
"""

import selectors
import threading
import time
from collections.abc import Callable

from tonearm.events.event import Event
from tonearm.events.facts import ChildEnded, ChildReady
from tonearm.telemetry.probes import Finding, Status
from tonearm.worker.child_process import STARTUP_S, ChildProcess

TRUSTED_S = 600.0
"""For how many seconds the last child that was ready is evidence that children start."""
ADVICE = "check the installation, the free memory, and how many processes this user may have"


class ChildrenProbe:
    """A subscriber that hears of children, and the call that answers whether they start."""

    def __init__(
        self, start: Callable[[], ChildProcess], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._start = start
        self._clock = clock
        self._lock = threading.Lock()
        self._ready: set[int] = set()
        self._trusted_until = float("-inf")
        self._started_in_s = 0.0
        self.unsealed: str | None = None
        """Why the child that was started for a probe has no sandbox; ``None`` where it has one, or none was started."""

    def __call__(self, event: Event) -> None:
        """Note which children are ready."""
        match event:
            case ChildReady():
                with self._lock:
                    self._ready.add(event.pid)
                    self._trust(event.start_s)
            case ChildEnded():
                with self._lock:
                    if event.pid in self._ready:
                        self._ready.discard(event.pid)
                    elif event.code is not None:
                        self._trusted_until = float("-inf")  # it ended before it was ready

    def ask(self) -> Finding:
        """Whether children start, by what is known or by starting one."""
        with self._lock:
            if self._ready or self._clock() < self._trusted_until:
                return self._passed()
        trouble = self._try()
        with self._lock:
            if trouble is None or self._ready:
                return self._passed()
        return Finding(Status.FAIL, None, "s", f"child processes do not start: {trouble}", ADVICE)

    def _try(self) -> str | None:
        """Start a child and end it; returns why it was not ready, or ``None``."""
        began = self._clock()
        try:
            child = self._start()
        except OSError as error:
            return error.strerror or "the system refuses another process"
        try:
            trouble = self._wait_until_ready(child)
        finally:
            child.kill(None)
            child.close()
        if trouble is None:
            with self._lock:
                self._trust(self._clock() - began)
        return trouble

    def _trust(self, start_s: float) -> None:
        self._started_in_s = start_s
        self._trusted_until = self._clock() + TRUSTED_S

    def _passed(self) -> Finding:
        return Finding(Status.PASS, round(self._started_in_s, 3), "s")

    def _wait_until_ready(self, child: ChildProcess) -> str | None:
        with selectors.DefaultSelector() as selector:
            selector.register(child.connection, selectors.EVENT_READ)
            if not selector.select(STARTUP_S):
                return f"not ready within {STARTUP_S:.0f} s"
        messages = child.receive()
        if messages is None:
            child.reap()
            return child.last_error_line()
        ready = next((message for message in messages if "ready" in message), None)
        if ready is None:
            return "its first message is not known"
        self.unsealed = ready.get("unsealed")
        return None
