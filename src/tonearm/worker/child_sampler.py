"""Samples the stack of a child while its parent wants to know where its time goes.

The parent sends SIGUSR1 to begin, and SIGUSR2 to end and to be sent the stacks. The child is sealed and can't start a
thread, so a timer of the kernel (timer_create(2)) sends it a signal every ``INTERVAL_S``. Python calls the handler
when a call of C code, such as a step of decoding, has returned; so the handler adds all the time since the last sample
to the stack that it finds, which is that of the call.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from tonearm.worker.busy_clock import BusyClock
from tonearm.worker.interval_timer import IntervalTimer
from tonearm.worker.stacks import StackReader, Stacks

BEGIN, END = signal.SIGUSR1, signal.SIGUSR2
"""The signals by which the parent begins and ends the sampling of a child."""
INTERVAL_S = 0.01


class ChildSampler:
    """Samples the main thread of this process. Costs nothing until the first signal arrives."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        """``send``: sends a message to the parent, at once or when the message that is being sent is complete."""
        self._send = send
        self._on = False
        self._reader = StackReader()
        self._stacks = Stacks()
        self._timer: IntervalTimer | None = None
        self._clock = BusyClock(threading.get_native_id())
        self._sampled_at = 0.0

    def listen(self) -> None:
        """Obey the parent's signals from now on."""
        signal.signal(BEGIN, self._begin)
        signal.signal(END, self._end)
        signal.signal(signal.SIGPROF, self._sample)

    def send_stacks(self, last: bool = False) -> None:
        """Send what was sampled since the last call, if this process samples itself. ``last``: nothing will follow."""
        if self._on or last:
            stacks, self._stacks = self._stacks, Stacks()
            self._send({"stacks": stacks.to_document(), "last": last})

    def _begin(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature of signal.signal
        self._on = True
        self._stacks = Stacks()
        self._sampled_at = time.monotonic()
        self._clock.passed_s()
        if self._timer is None:
            self._timer = IntervalTimer()
        self._timer.start(INTERVAL_S)

    def _end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature of signal.signal
        if self._timer is not None:
            self._timer.stop()
        self._on = False
        with contextlib.suppress(MemoryError):
            self.send_stacks(last=True)

    def _sample(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature of signal.signal
        now = time.monotonic()
        passed_s, self._sampled_at = now - self._sampled_at, now
        busy_s = self._clock.passed_s()
        waiting = busy_s is not None and busy_s < passed_s / 2
        with contextlib.suppress(MemoryError, RecursionError):  # the analysis of the file goes on
            if self._on:
                self._stacks.add(self._reader.read(frame, waiting), passed_s)
