"""Makes writes in their order, and keeps those that failed because the disk is full or the database is unavailable."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from tonearm.errors import StorageBusy, StorageError, StorageFull, StorageUnavailable
from tonearm.worker.storing_thread import StoringThread

AnswerT = TypeVar("AnswerT")
PAUSE_S = 1.0
"""Seconds after a failure in which nothing is tried."""


def _always(_: object) -> bool:
    return True


def _nothing(_: object) -> None:
    """Take no notice of an answer."""


class _Kind(IntEnum):
    """Kind of an access, from the least to the most demanding.

    On a full disk, reads succeed, and so do writes that change no row.
    """

    READ = 0
    WRITE = 1
    PENDING = 2


@dataclass(slots=True)
class _Write:
    """A write, and what is called with its answer.

    kind: PENDING is repeated until it succeeds; WRITE is made once, and its answer is ``None`` if it fails.
    """

    call: Callable[[], Any]
    then: Callable[[Any], None]
    kind: _Kind
    shows_use: Callable[[Any], bool]
    answer: Any = None
    error: BaseException | None = None

    def make(self) -> None:
        """Make the call, and keep its answer or its exception."""
        self.answer, self.error = None, None
        try:
            self.answer = self.call()
        except BaseException as error:  # noqa: BLE001  raised again by the loop that waits for the answer
            self.error = error


class PendingWrites:
    """Writes that must not be lost, in their order; gives up when every access has failed for ``wait_s``.

    Each write is made in ``thread``, one at a time; what follows from its answer is done by the caller of ``flush``.
    Without a thread the caller waits for each write.

    There is no limit while a database server is unavailable. A failure is over when an access of the same kind, or of a
    more demanding one, has succeeded with an answer that only the database can give.
    """

    def __init__(self, wait_s: float, thread: StoringThread | None = None) -> None:
        self._wait_s = wait_s
        self._thread = thread
        self._failing_since: float | None = None
        self._failing_kind = _Kind.READ
        self._retry_at = 0.0
        self._pending: deque[_Write] = deque()
        self.is_writing = False
        """Whether the first of the pending writes is being made."""
        self.failure: str | None = None
        """Why the last access failed; ``None`` while the database can be used."""
        self.unavailable_at = 0.0
        """When the database server was last unavailable, by ``time.monotonic``; 0 for never."""

    @property
    def has_pending(self) -> bool:
        """Whether anything still has to be written."""
        return bool(self._pending)

    def add(self, write: Callable[[], AnswerT], then: Callable[[AnswerT], None] = _nothing) -> None:
        """Write now, or after the writes that are already pending, until it succeeds. Raises as ``flush`` does.

        then: called with the answer, once what was written is on the disk.
        """
        self._pending.append(_Write(write, then, _Kind.PENDING, _always))
        self.flush()

    def add_once(
        self,
        write: Callable[[], AnswerT],
        then: Callable[[AnswerT | None], None],
        shows_use: Callable[[AnswerT], bool] = _always,
    ) -> None:
        """Write as ``add`` does, but without a repetition: if it fails, ``then`` is called with ``None``."""
        self._pending.append(_Write(write, then, _Kind.WRITE, shows_use))
        self.flush()

    def flush(self) -> None:
        """Make the pending writes in their order, unless the last failure was less than ``PAUSE_S`` ago.

        Does not wait for the thread, which wakes the loop after each write.

        Raises:
            StorageFull, StorageBusy: nothing could be written for longer than ``wait_s``.
        """
        while self._pending:
            if self.is_writing:
                if self._thread is not None and not self._thread.wait(0):
                    return
                self._end_write()
            elif time.monotonic() >= self._retry_at:
                self._begin_write()
            else:
                return

    def settle(self, seconds: float) -> None:
        """Make the pending writes, waiting up to ``seconds`` for the thread, until one fails. Raises as ``flush`` does.

        Nothing is written afterwards.
        """
        until = time.monotonic() + seconds
        try:
            self.flush()
            while (
                self.is_writing and self._thread is not None and self._thread.wait(until - time.monotonic())
            ):
                self.flush()
        finally:
            if self._thread is not None:
                self._thread.close()

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
        """Write to the database at once, without a repetition if that fails; ``None`` then. Otherwise as ``read``."""
        return self._try(change, _Kind.WRITE, shows_use)

    def _begin_write(self) -> None:
        self.is_writing = True
        if self._thread is not None:
            self._thread.begin(self._pending[0].make)
        else:
            self._pending[0].make()

    def _end_write(self) -> None:
        """Do what follows from the answer of the first pending write."""
        self.is_writing = False
        if self._thread is not None:
            self._thread.collect()
        write = self._pending[0]
        if isinstance(write.error, (StorageFull, StorageBusy, StorageUnavailable)):
            if write.kind is not _Kind.PENDING:
                self._pending.popleft()
                write.then(None)
            self._failed(write.error, write.kind)
            return
        self._pending.popleft()
        if write.error is not None:
            raise write.error
        self._succeeded(write.kind, write.shows_use(write.answer))
        write.then(write.answer)

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
        self._succeeded(kind, shows_use(answer))
        return answer

    def _succeeded(self, kind: _Kind, used: bool) -> None:
        if kind >= self._failing_kind and used:
            self._failing_since, self._failing_kind = None, _Kind.READ
            self.failure, self._retry_at = None, 0.0

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
