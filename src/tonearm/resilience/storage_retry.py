"""Repeats database calls while the server is unavailable, its disk is full or another transaction holds a lock."""

import time
from collections.abc import Callable
from typing import TypeVar

from tonearm.errors import StorageBusy, StorageFull, StorageUnavailable
from tonearm.events.event import Announce
from tonearm.events.services import StorageStateChanged
from tonearm.events.states import StorageState
from tonearm.resilience.backoff import Backoff, retry

AnswerT = TypeVar("AnswerT")
PAUSE_S = 0.5
BUSY_TRIES = 12


class StorageRetry:
    """Repeats calls after StorageUnavailable, StorageFull or StorageBusy, until a stop is requested.

    There is no limit while the server is unavailable; a full disk is retried for ``full_s``, and a lock of another
    transaction for ``BUSY_TRIES`` calls. Safe to use from several threads.
    """

    def __init__(self, announce: Announce, stopping: Callable[[], bool], full_s: float = 0.0) -> None:
        self._announce = announce
        self._stopping = stopping
        self._full_s = full_s

    def __call__(self, call: Callable[[], AnswerT]) -> AnswerT:
        """Repeat a call until it succeeds; returns its answer.

        Raises:
            StorageUnavailable: the server was still unavailable when a stop was requested.
            StorageFull: the disk was still full after ``full_s``, or when a stop was requested.
            StorageBusy: another transaction held a lock in every call.
        """
        waiting = False
        busy = 0
        full_until = time.monotonic() + self._full_s

        def again(error: Exception, _: int) -> bool:
            nonlocal waiting, busy
            if self._stopping():
                return False
            if isinstance(error, StorageBusy):
                busy += 1
                return busy < BUSY_TRIES
            full = isinstance(error, StorageFull)
            if not isinstance(error, StorageUnavailable) and not (full and time.monotonic() < full_until):
                return False
            if not waiting:
                waiting = True
                self._announce(StorageStateChanged(StorageState.WAITING, str(error)))
            return True

        answer = retry(call, again, Backoff(PAUSE_S, 2 * PAUSE_S, least=0.25))
        if waiting:
            self._announce(StorageStateChanged(StorageState.AVAILABLE, "the database can be used again"))
        return answer
