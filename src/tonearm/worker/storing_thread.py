"""A thread that makes one call of the database at a time, while the loop of the worker hears its children."""

import contextlib
import os
import queue
import select
import threading
from collections.abc import Callable

from tonearm.resilience.compute_lock import ComputeLock
from tonearm.resilience.loop_watchdog import LoopTurns

STORING = "storing"
"""Name of the thread, under which its turns are noted."""
TURN_S = 5.0
"""Seconds after which the thread notes a turn although there is no call to make."""

Call = Callable[[], None]


class StoringThread:
    """Makes calls in a daemon thread, which starts with the first call. All methods are called by one other thread.

    ``ended`` is a descriptor that becomes readable when a call has ended.
    """

    def __init__(self, turns: LoopTurns, computing: ComputeLock | None = None) -> None:
        """``turns``: where the turns of the thread are noted. ``computing``: the lock that it shares with the loop."""
        self._computing = computing or ComputeLock()
        self._turns = turns
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.ended, self._ends = os.pipe()

    def begin(self, call: Call) -> None:
        """Make a call, which raises nothing; ``collect`` was called for the one before."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=STORING, daemon=True)
            self._thread.start()
        self._calls.put(call)

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the call that was begun; returns whether it has ended."""
        ends = select.poll()
        ends.register(self.ended, select.POLLIN)
        return bool(ends.poll(max(0.0, seconds) * 1000))

    def collect(self) -> None:
        """Note that the end of a call was seen."""
        os.read(self.ended, 1)

    def close(self) -> None:
        """End the thread after its call. A call that does not return ends with the process."""
        if self._closed:
            return
        self._closed = True
        os.close(self.ended)
        if self._thread is not None:
            self._calls.put(None)
        else:
            os.close(self._ends)

    def _run(self) -> None:
        try:
            while True:
                self._turns.turned(STORING)
                try:
                    call = self._calls.get(timeout=TURN_S)
                except queue.Empty:
                    continue
                if call is None:
                    return
                with self._computing.held():
                    call()
                with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
                    os.write(self._ends, b"!")
        finally:
            os.close(self._ends)
            self._turns.ended(STORING)
