"""How a person or the system asks the program to stop."""

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType


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
        """Take SIGINT, SIGTERM and SIGHUP as requests while inside."""

        def handler(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            self.request()
            if self.impatient and self.requests > 1:
                raise KeyboardInterrupt

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, handler) for number in numbers}
        try:
            yield self
        finally:
            for number, action in before.items():
                signal.signal(number, action)

    def close(self) -> None:
        """Close the wake-up pipe."""
        os.close(self.wakeup)
        os.close(self._ring)
