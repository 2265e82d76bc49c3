"""Runs a scan in a separate thread, so that the first files are analysed during the scan."""

import threading
import time
from collections.abc import Callable

from tonearm.worker.signals import StopSwitch

LOOK_S = 0.1
HUNG_S = 1.0
"""Seconds to wait for a cancelled scan: it may hang in a folder that does not answer."""


class BackgroundScan:
    """One scan in a daemon thread. Its exceptions are raised in the thread that waits for it."""

    def __init__(self, scan: Callable[[], bool], cancelled: threading.Event, stop: StopSwitch) -> None:
        """``scan``: returns whether it was complete; ends early if ``cancelled`` is set or a stop is requested."""
        self._scan = scan
        self._cancelled = cancelled
        self._stop = stop
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)
        self.complete = False
        """Whether everything was scanned."""

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it has ended: complete, stopped or failed."""
        return not self._thread.is_alive()

    def raise_failure(self) -> None:
        """Raise what the scan has raised, if anything."""
        if self._error is not None:
            raise self._error

    def wait(self) -> None:
        """Wait until it has ended; after a second request to stop, ``HUNG_S`` at most. Raises what the scan raised."""
        hung_at: float | None = None
        while not self.ended:
            if self._stop.requests > 1 and hung_at is None:
                hung_at = time.monotonic() + HUNG_S
            if hung_at is not None and time.monotonic() > hung_at:
                return
            self._thread.join(LOOK_S)
        self.raise_failure()

    def cancel(self) -> None:
        """Ask it to end after the current file."""
        self._cancelled.set()

    def abandon(self) -> None:
        """Cancel it, wait ``HUNG_S`` for its end, and ignore its exception."""
        self.cancel()
        self._thread.join(HUNG_S)

    def _run(self) -> None:
        try:
            self.complete = self._scan()
        except BaseException as error:  # noqa: BLE001  raised again by ``raise_failure``
            self._error = error
        finally:
            self._stop.wake()
