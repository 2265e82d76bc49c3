"""Doing something in spite of a database server that is away or a disk that is full: again, until it is done."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from tonearm.errors import StorageAway, StorageBusy, StorageFull
from tonearm.events.facts import Announce, StorageStateChanged
from tonearm.events.states import StorageState

Answer = TypeVar("Answer")
PAUSE_S = 0.5
BUSY_TRIES = 12


class StorageRetry:
    """Calls what may be called again after StorageAway, StorageFull or StorageBusy; a stop ends the waiting.

    A server that is away is waited for without end; room on the disk for ``full_s``; others who are in the way are so
    ``BUSY_TRIES`` times at most.
    """

    def __init__(self, announce: Announce, stopping: Callable[[], bool], full_s: float = 0.0) -> None:
        self._announce = announce
        self._stopping = stopping
        self._full_s = full_s

    def __call__(self, call: Callable[[], Answer]) -> Answer:
        """The answer, once there is one.

        Raises:
            StorageAway: the server was still away when a stop was asked for.
            StorageFull: there was still no room after ``full_s``, or when a stop was asked for.
            StorageBusy: another transaction was in the way every time.
        """
        waiting = False
        busy = 0
        began = time.monotonic()
        while True:
            try:
                answer = call()
            except StorageBusy:
                busy += 1
                if busy == BUSY_TRIES or self._stopping():
                    raise
                time.sleep(random.uniform(0, PAUSE_S))  # noqa: S311  lets the other one through
                continue
            except (StorageAway, StorageFull) as error:
                in_vain = isinstance(error, StorageFull) and time.monotonic() - began >= self._full_s
                if in_vain or self._stopping():
                    raise
                if not waiting:
                    waiting = True
                    self._announce(StorageStateChanged(StorageState.WAITING, str(error)))
                time.sleep(random.uniform(0.5, 1.5) * PAUSE_S)  # noqa: S311  spreads the return
                continue
            if waiting:
                self._announce(StorageStateChanged(StorageState.AVAILABLE, "the database can be used again"))
            return answer
