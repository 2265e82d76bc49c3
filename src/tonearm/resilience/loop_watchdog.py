"""When each loop of this process last began a turn, and which loops are waiting for a server.

A loop that does not turn is stuck, unless it is waiting for the answer of a server: such a call has time limits of its
own.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

STUCK_S = 30.0
"""Seconds without a turn after which a loop counts as stuck."""
CALL_S = 120.0
"""Seconds that a loop may wait for one call of a server, which has a lower limit of its own."""


class _Loop:
    """Times by the clock of ``LoopTurns``. answered_at: when its last call of a server ended; 0 for never."""

    __slots__ = ("answered_at", "calling_since", "thread", "turned_at")

    def __init__(self, thread: int, turned_at: float) -> None:
        self.thread = thread
        self.turned_at = turned_at
        self.answered_at = 0.0
        self.calling_since: float | None = None


class LoopTurn(NamedTuple):
    """One loop at one moment.

    turned_s: seconds since its last turn began. silent_s: seconds since it last gave a sign of life, which is a turn or
    the end of a call of a server. calling_s: for how long it has been waiting for a server; ``None`` if it is not.
    """

    turned_s: float
    silent_s: float
    calling_s: float | None

    def is_stuck(self, stuck_s: float = STUCK_S, call_s: float = CALL_S) -> bool:
        """Whether a call inside the loop does not return. ``call_s``: longer than any call of a server may take."""
        if self.calling_s is not None:
            return self.calling_s > call_s
        return self.silent_s > stuck_s


class LoopTurns:
    """Keeps the last turn of each loop. Safe to use from several threads; no call waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loops: dict[str, _Loop] = {}
        self._by_thread: dict[int, _Loop] = {}

    def turned(self, name: str) -> None:
        """Note that the loop of this name begins a turn in the calling thread."""
        loop, thread = self._loops.get(name), threading.get_ident()
        if loop is None or loop.thread != thread:
            loop = _Loop(thread, self._clock())
            self._loops[name] = self._by_thread[thread] = loop
        loop.turned_at = self._clock()

    def ended(self, name: str) -> None:
        """Note that the loop has ended; it is not expected to turn any more."""
        loop = self._loops.pop(name, None)
        if loop is not None:
            self._by_thread.pop(loop.thread, None)

    def call_began(self) -> None:
        """Note that the calling thread is waiting for a server from now on."""
        loop = self._by_thread.get(threading.get_ident())
        if loop is not None:
            loop.calling_since = self._clock()

    def call_ended(self) -> None:
        """Note that the server has answered the calling thread, or that the call was given up."""
        loop = self._by_thread.get(threading.get_ident())
        if loop is not None:
            loop.calling_since, loop.answered_at = None, self._clock()

    def snapshot(self) -> Mapping[str, LoopTurn]:
        """Every loop that has begun and not ended, by name."""
        now = self._clock()
        return {name: _turn(loop, now) for name, loop in sorted(self._loops.copy().items())}


def _turn(loop: _Loop, now: float) -> LoopTurn:
    since = loop.calling_since
    sign = max(loop.turned_at, loop.answered_at)
    return LoopTurn(
        max(0.0, now - loop.turned_at), max(0.0, now - sign), None if since is None else max(0.0, now - since)
    )
