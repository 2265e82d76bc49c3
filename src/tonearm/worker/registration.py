"""This process in the table of workers: its name, its row and its heartbeat."""

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from tonearm import __version__
from tonearm.errors import StorageAway, StorageError
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.jobs.worker_registry import Heartbeat, WorkerInstance, WorkerRegistry, WorkerStatus
from tonearm.names import to_document
from tonearm.resilience.breaker import CircuitBreaker
from tonearm.settings import Settings

IDLE_HEARTBEAT_S = 5.0


class WorkerRegistration:
    """This process among the workers of a shared library: its name and its row."""

    def __init__(
        self,
        settings: Settings,
        workers: WorkerRegistry,
        job_store: SqlJobStore,
        breakers: Mapping[str, CircuitBreaker],
    ) -> None:
        host = socket.gethostname()
        self.name = settings.worker_name or f"{host}:{os.getpid()}"
        self._lease_s = settings.lease_s
        self._workers = workers
        self._job_store = job_store
        self._breakers = breakers
        instance = f"{uuid.uuid4().hex}@{_process_space()}"
        self._who = WorkerInstance(self.name, instance, host, os.getpid(), __version__, settings.workers)
        self._heartbeat = Heartbeat()
        self._beaten_at = time.monotonic()

    def register(self) -> None:
        """Take the name, take back what its last start left behind, forget who is long lost. Raises NameTaken."""
        self._workers.register(self._who, self._lease_s)
        self._job_store.reclaim(self.name)
        self._workers.expire_lost()

    def heartbeat(
        self, running: Sequence[Mapping[str, Any]], unmounted: Sequence[bytes], done: int, failed: int
    ) -> WorkerStatus:
        """Renew the row, and learn how this worker stands."""
        states = {name: str(breaker.state) for name, breaker in self._breakers.items()}
        roots = [to_document(path) for path in unmounted]
        self._heartbeat = Heartbeat(done, failed, running, states, roots)
        self._beaten_at = time.monotonic()
        return self._workers.heartbeat(self._who, self._heartbeat)

    def keep(self, stop: threading.Event) -> None:
        """Renew the row as it is while nobody else does, as during a scan, until stopped."""
        while not stop.wait(1.0):
            if time.monotonic() - self._beaten_at > IDLE_HEARTBEAT_S:
                self._beaten_at = time.monotonic()
                with contextlib.suppress(StorageError):
                    self._workers.heartbeat(self._who, self._heartbeat)

    def deregister(self) -> None:
        """Say that this process ends; silence says it too."""
        with contextlib.suppress(StorageAway):
            self._workers.deregister(self._who)


def _process_space() -> str:
    """What the kernel calls the space in which this process's id is a number: a container has one of its own."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux, which has but one
        return ""
