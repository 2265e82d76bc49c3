"""Keeps writes that failed because the disk is full or the database is locked or unavailable, and repeats them."""

import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import TypeVar

from tonearm.errors import StorageBusy, StorageError, StorageFull, StorageUnavailable

AnswerT = TypeVar("AnswerT")
PAUSE_S = 1.0
"""Seconds after a failure in which nothing is tried."""


def _always(_: object) -> bool:
    return True


class _Kind(IntEnum):
    """Kind of an access, from the least to the most demanding.

    On a full disk, reads succeed, and so do writes that change no row.
    """

    READ = 0
    WRITE = 1
    PENDING = 2


class PendingWrites:
    """Writes that must not be lost, in their order; gives up when every access has failed for ``wait_s``.

    There is no limit while a database server is unavailable. A failure is over when an access of the same kind, or of a
    more demanding one, succeeds, unless its answer does not show that the database was used.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._failing_since: float | None = None
        self._failing_kind = _Kind.READ
        self._retry_at = 0.0
        self._pending: deque[Callable[[], None]] = deque()
        self.failure: str | None = None
        """Why the last access failed; ``None`` while the database can be used."""
        self.unavailable_at = 0.0
        """When the database server was last unavailable, by ``time.monotonic``; 0 for never."""

    @property
    def has_pending(self) -> bool:
        """Whether anything still has to be written."""
        return bool(self._pending)

    def add(self, write: Callable[[], None]) -> None:
        """Write now, or after the writes that are already pending. Raises as ``flush`` does."""
        self._pending.append(write)
        self.flush()

    def flush(self) -> None:
        """Do the pending writes in their order, unless the last failure was less than ``PAUSE_S`` ago.

        Raises:
            StorageFull, StorageBusy: nothing could be written for longer than ``wait_s``.
        """
        while self._pending and time.monotonic() >= self._retry_at:
            if not self._succeeds(self._pending[0]):
                return
            self._pending.popleft()

    def read(
        self, query: Callable[[], AnswerT], shows_use: Callable[[AnswerT], bool] = _always
    ) -> AnswerT | None:
        """Read from the database; ``None`` if it can't be read now. Raises as ``flush`` does.

        shows_use: whether an answer shows that the database was used. An empty one of a queue may be that of a broker.
        """
        return self._try(query, _Kind.READ, shows_use)

    def write(
        self, change: Callable[[], AnswerT], shows_use: Callable[[AnswerT], bool] = _always
    ) -> AnswerT | None:
        """Write to the database, without a repetition if that fails; ``None`` then. Otherwise as ``read``."""
        return self._try(change, _Kind.WRITE, shows_use)

    def _succeeds(self, write: Callable[[], None]) -> bool:
        def written() -> bool:
            write()
            return True

        return self._try(written, _Kind.PENDING, _always) is True

    def _try(
        self, action: Callable[[], AnswerT], kind: _Kind, shows_use: Callable[[AnswerT], bool]
    ) -> AnswerT | None:
        if time.monotonic() < self._retry_at:
            return None
        try:
            answer = action()
        except (StorageFull, StorageBusy, StorageUnavailable) as error:
            self._failed(error, kind)
            return None
        if kind >= self._failing_kind and shows_use(answer):
            self._failing_since, self._failing_kind, self.failure, self._retry_at = (
                None,
                _Kind.READ,
                None,
                0.0,
            )
        return answer

    def _failed(self, error: StorageError, kind: _Kind) -> None:
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if isinstance(error, StorageUnavailable):
            self.unavailable_at = now
        elif now - self._failing_since > self._wait_s:
            raise error
        else:
            self._failing_kind = max(self._failing_kind, kind)
        self.failure = str(error)
        self._retry_at = now + PAUSE_S
