"""How a person or the system asks the program to stop."""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LEAVE_S = 10.0
LEFT = 130


class StopSwitch:
    """Counts the requests to stop: the first asks to finish what runs, the second to stop at once.

    ``wakeup`` becomes readable with each request, so that a waiting loop notices at once. Where no loop looks
    at it (``impatient``), a second request interrupts whatever is being done.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.impatient = False
        self.wakeup, self._ring = os.pipe()
        os.set_blocking(self._ring, False)
        os.set_blocking(self.wakeup, False)

    def request(self) -> None:
        """Ask to stop."""
        self.requests += 1
        self.nudge()

    def nudge(self) -> None:
        """Wake a waiting loop up, from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._ring, b"!")

    def heard(self) -> None:
        """Empty the wake-up pipe."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wakeup, 512)

    @contextlib.contextmanager
    def on_signals(self) -> Iterator["StopSwitch"]:
        """Take SIGINT, SIGTERM and SIGHUP as requests while inside.

        They come to a thread of their own: one that hangs in the kernel, because a folder on a network does not
        answer, could not even be told. What has not ended ``LEAVE_S`` after the second is left as it is, with
        status 130, as if it were killed.
        """

        def handler(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            self.request()
            if self.impatient and self.requests > 1:
                raise KeyboardInterrupt

        before = {number: signal.signal(number, handler) for number in SIGNALS}
        told, tell = os.pipe()
        os.set_blocking(tell, False)
        listened = signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        listener = threading.Thread(target=self._listen, args=(told,), name="signals", daemon=True)
        listener.start()
        try:
            yield self
        finally:
            signal.set_wakeup_fd(listened)
            os.close(tell)
            listener.join()
            os.close(told)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            for number, action in before.items():
                signal.signal(number, action)

    def _listen(self, told: int) -> None:
        """Be the thread that signals come to, and see to it that the second is followed."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        came = 0
        while select.select([told], [], [], LEAVE_S if came > 1 else None)[0]:
            numbers = os.read(told, 512)
            if not numbers:
                return
            came += sum(number in SIGNALS for number in numbers)
            self.nudge()  # a handler is called by the main thread, once that is awake
        sys.stderr.write(
            "tonearm: something does not answer, most likely a folder on a network; left as it is\n"
        )
        sys.stderr.flush()
        os._exit(LEFT)

    def close(self) -> None:
        """Close the wake-up pipe."""
        os.close(self.wakeup)
        os.close(self._ring)
