"""A live view in memory, which tests use in place of Redis; it satisfies the same contract."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from tonearm.progress.port import LEAD_S, REPORT_VALID_S, SNAPSHOT_VALID_S, Notice, RunningFile, Snapshot

HEARD = 1000
"""Notices that wait for one listener; after that the oldest are lost."""


class MemoryProgress:
    """Progress kept in this process."""

    def __init__(self, valid_s: float = REPORT_VALID_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._valid_s = valid_s
        self._clock = clock
        self._lock = threading.Lock()
        self._hands: dict[str, tuple[float, tuple[RunningFile, ...]]] = {}
        self._leader = ""
        self._leads_until = 0.0
        self._snapshot: Snapshot | None = None
        self._kept_until = 0.0
        self._listeners: list[_Listener] = []

    def report(self, worker: str, files: Sequence[RunningFile]) -> None:
        with self._lock:
            self._hands[worker] = (self._clock(), tuple(files))

    def leave(self, worker: str) -> None:
        with self._lock:
            self._hands.pop(worker, None)
            if self._leader == worker:
                self._leads_until = 0.0

    def running(self) -> tuple[RunningFile, ...]:
        with self._lock:
            now = self._clock()
            self._hands = {
                worker: said for worker, said in self._hands.items() if now - said[0] < self._valid_s
            }
            aged = [
                replace(f, since_s=f.since_s + now - at) for at, files in self._hands.values() for f in files
            ]
        return tuple(sorted(aged, key=lambda file: (file.worker, file.job)))

    def lead(self, worker: str, for_s: float = LEAD_S) -> bool:
        with self._lock:
            now = self._clock()
            if now < self._leads_until and self._leader != worker:
                return False
            self._leader, self._leads_until = worker, now + for_s
            return True

    def post(self, snapshot: Snapshot, for_s: float = SNAPSHOT_VALID_S) -> None:
        with self._lock:
            self._snapshot, self._kept_until = snapshot, self._clock() + for_s

    def latest(self) -> Snapshot | None:
        with self._lock:
            return self._snapshot if self._clock() < self._kept_until else None

    def announce(self, worker: str, messages: Sequence[Mapping[str, Any]]) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            for message in messages:
                listener.tell(Notice(worker, dict(message)))

    def changes(self) -> "_Listener":
        listener = _Listener(self._forget)
        with self._lock:
            self._listeners.append(listener)
        return listener

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._hands.clear()
            self._listeners.clear()
            self._snapshot = None

    def _forget(self, listener: "_Listener") -> None:
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)


class _Listener:
    """What one listener has yet to hear."""

    def __init__(self, forget: Callable[["_Listener"], None]) -> None:
        self._forget = forget
        self._came = threading.Condition()
        self._said: deque[Notice] = deque(maxlen=HEARD)

    def tell(self, notice: Notice) -> None:
        """Keep a notice until it is asked for."""
        with self._came:
            self._said.append(notice)
            self._came.notify()

    def next(self, timeout_s: float) -> Notice | None:
        with self._came:
            self._came.wait_for(lambda: bool(self._said), timeout_s)
            return self._said.popleft() if self._said else None

    def close(self) -> None:
        self._forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
