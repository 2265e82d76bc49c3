"""Records a batch of files in a thread, while the walk goes on: a server works on one while the next is compared."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Recording:
    """Makes one call at a time. All methods are called by one thread, and the block waits for the last call.

    beside: whether calls are made in a thread of their own; otherwise ``begin`` makes them.
    """

    def __init__(self, beside: bool) -> None:
        self._beside = beside
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.wait()
        elif self._thread is not None:
            self._thread.join()

    def begin(self, call: Callable[[], None]) -> None:
        """Make a call, after the one before. Raises what that one has raised."""
        self.wait()
        if not self._beside:
            call()
            return
        self._thread = threading.Thread(target=self._make, args=(call,), name="recording", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait for the end of the last call. Raises what it has raised."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _make(self, call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  raised again by the thread that waits for the call
            self._error = error
