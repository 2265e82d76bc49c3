"""Storing in spite of a full disk or a locked database: nothing measured is thrown away while there is hope."""

import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from tonearm.errors import StorageAway, StorageBusy, StorageError, StorageFull

Answer = TypeVar("Answer")
PAUSE_S = 1.0
READING, CHANGING, STORING = range(3)
"""What was tried. On a full disk the first goes well, and the second where there is nothing to change."""


class PendingWrites:
    """Keeps what could not be stored and tries again; gives up after ``wait_s`` of nothing but failures.

    A database server that is away is waited for without end: it belongs to somebody who will bring it back.
    Trouble is over when what failed, or what asks more of the database, goes well again.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._failing_since: float | None = None
        self._failing = READING
        self._try_at = 0.0
        self._waiting: deque[Callable[[], None]] = deque()
        self.trouble: str | None = None
        self.away_until = 0.0
        """When the database server was last away, by ``time.monotonic``; 0 for never."""

    @property
    def owed(self) -> bool:
        """Whether something waits to be stored."""
        return bool(self._waiting)

    def owe(self, store: Callable[[], None]) -> None:
        """Store now, or after what is already waiting."""
        self._waiting.append(store)
        self.settle()

    def settle(self) -> None:
        """Store what is waiting, in its order.

        Raises:
            StorageFull, StorageBusy: storing has failed for longer than ``wait_s``.
        """
        while self._waiting and time.monotonic() >= self._try_at:
            store = self._waiting[0]
            if not self._done(store):
                return
            self._waiting.popleft()

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Ask the database; ``None`` when it can't answer now. Raises as ``settle`` does."""
        return self._try(question, READING)

    def change(self, deed: Callable[[], Answer]) -> Answer | None:
        """As ``ask``, for what writes, and is not done later if it can't be done now."""
        return self._try(deed, CHANGING)

    def _done(self, store: Callable[[], None]) -> bool:
        def stored() -> bool:
            store()
            return True

        return self._try(stored, STORING) is True

    def _try(self, deed: Callable[[], Answer], weight: int) -> Answer | None:
        if time.monotonic() < self._try_at:
            return None
        try:
            answer = deed()
        except (StorageFull, StorageBusy, StorageAway) as error:
            self._failed(error, weight)
            return None
        if weight >= self._failing:
            self._failing_since, self._failing, self.trouble, self._try_at = None, READING, None, 0.0
        return answer

    def _failed(self, error: StorageError, weight: int) -> None:
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if isinstance(error, StorageAway):
            self.away_until = now
        elif now - self._failing_since > self._wait_s:
            raise error
        else:
            self._failing = max(self._failing, weight)
        self.trouble = str(error)
        self._try_at = now + PAUSE_S
