"""How a person or the system asks the program to stop."""

import contextlib
import os
import select
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from tonearm.events.report import report
from tonearm.events.states import Severity

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FORCED_EXIT_S = 10.0
"""Seconds after the second signal until the process exits although its main thread hangs."""

STOPPED = 130
"""The exit status of a command that was stopped."""


class StopSwitch:
    """Counts the requests to stop: the first asks to finish running files, the second to stop at once.

    ``wakeup`` becomes readable with each request, so that a waiting loop continues at once.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.wakeup, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self.wakeup, False)

    def request(self) -> None:
        """Ask to stop."""
        self.requests += 1
        self.wake()

    def wake(self) -> None:
        """Wake a waiting loop, from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._waker, b"!")

    def clear_wakeup(self) -> None:
        """Empty the wake-up pipe."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wakeup, 512)

    @contextlib.contextmanager
    def on_signals(self) -> Iterator["StopSwitch"]:
        """Treat SIGINT, SIGTERM and SIGHUP as requests to stop inside the ``with`` block.

        A separate thread receives the signals, because the main thread may hang in a system call on a network folder
        that does not answer. If the process has not ended ``FORCED_EXIT_S`` after the second signal, it exits with
        status 130 and without cleaning up.
        """

        def handler(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signature of signal.signal
            self.request()

        before = {number: signal.signal(number, handler) for number in SIGNALS}
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        listener = threading.Thread(target=self._listen, args=(reader,), name="signals", daemon=True)
        listener.start()
        try:
            yield self
        finally:
            signal.set_wakeup_fd(previous)
            os.close(writer)
            listener.join()
            os.close(reader)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            for number, action in before.items():
                signal.signal(number, action)

    def _listen(self, reader: int) -> None:
        """Receive the signals, and exit if the process has not ended ``FORCED_EXIT_S`` after the second one."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        received = 0
        while select.select([reader], [], [], FORCED_EXIT_S if received > 1 else None)[0]:
            numbers = os.read(reader, 512)
            if not numbers:
                return
            received += sum(number in SIGNALS for number in numbers)
            self.wake()  # the main thread calls the handler once it is awake
        text = "something does not answer, most likely a network folder; exiting without waiting for it"
        report(text, Severity.ERROR, at_once=True)
        os._exit(STOPPED)

    def close(self) -> None:
        """Close the wake-up pipe."""
        os.close(self.wakeup)
        os.close(self._waker)
