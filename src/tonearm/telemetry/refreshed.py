"""Reads a value that may take long, so that who asks for it waits a limited time, and many who ask cause one read."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from tonearm.errors import TonearmError
from tonearm.events.report import report, where

ValueT = TypeVar("ValueT")
VALID_S = 3.0
LONGEST_VALID_S = 10.0
FACTOR = 20.0
"""A value that took long to read is kept for this multiple of that time, so that at most 5 % of the time is spent."""


class Refreshed(Generic[ValueT]):
    """A value that is read in a thread of its own, when it is asked for and not fresh. It is never shown stale."""

    def __init__(
        self, read: Callable[[], ValueT | None], name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``read``: may raise TonearmError, which counts as no value. ``name``: of its thread."""
        self._read = read
        self._name = name
        self._clock = clock
        self._changed = threading.Condition()
        self._value: ValueT | None = None
        self._fresh_until = float("-inf")
        self._reading = False
        self._closed = False
        self._reported = False

    def get(self, wait_s: float) -> ValueT | None:
        """The value; ``None`` where there is none, or it can't be read within ``wait_s``."""
        with self._changed:
            if self._clock() >= self._fresh_until and not self._reading and not self._closed:
                self._reading = True
                threading.Thread(target=self._refresh, name=self._name, daemon=True).start()
            self._changed.wait_for(lambda: not self._reading, wait_s)
            return self._value if self._clock() < self._fresh_until else None

    def expire(self) -> None:
        """Have the value read anew when it is asked for the next time."""
        with self._changed:
            self._changed.wait_for(lambda: not self._reading, VALID_S)
            self._fresh_until = float("-inf")

    def close(self, wait_s: float) -> None:
        """Read no more; wait for a read that is going on."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._reading, wait_s)

    def _refresh(self) -> None:
        value = None
        began = self._clock()
        try:
            value = self._read()
        except TonearmError:
            pass  # what needs the server announces that it does not answer
        except Exception as error:  # noqa: BLE001  an error of ours must not end without a report
            if not self._reported and not self._closed:
                self._reported = True
                report(f"{self._name} failed: {where(error)}")
        now = self._clock()
        with self._changed:
            self._value = value
            self._fresh_until = now + min(LONGEST_VALID_S, max(VALID_S, FACTOR * (now - began)))
            if value is None:
                self._fresh_until = now
            self._reading = False
            self._changed.notify_all()
