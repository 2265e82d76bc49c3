"""The row of this process in the table of workers, and its heartbeat."""

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from tonearm import __version__
from tonearm.errors import StorageError, StorageUnavailable
from tonearm.events.event import Announce, Event
from tonearm.events.messages import LogLevelsChanged
from tonearm.events.rests import WorkerResting, WorkerResumed, WorkTimesKnown
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.jobs.worker_registry import (
    Heartbeat,
    HeartbeatAnswer,
    Resting,
    WorkerInstance,
    WorkerRegistry,
    WorkerStatus,
)
from tonearm.jobs.worker_rows import ALONE
from tonearm.names import to_document
from tonearm.resilience.breaker import CircuitBreaker
from tonearm.settings import Settings
from tonearm.worker.attempt_recorder import announce_interrupted

IDLE_HEARTBEAT_S = 5.0


class WorkerRegistration:
    """This process as a worker of a shared library: its name and its row."""

    def __init__(
        self,
        settings: Settings,
        workers: WorkerRegistry,
        job_store: SqlJobStore,
        breakers: Mapping[str, CircuitBreaker],
        announce: Announce,
        url: str | None = None,
        scans: bool = False,
    ) -> None:
        """``announce`` hears what became of the jobs that an earlier start of this worker had.

        url: where this process serves its metrics over HTTP, if it does. scans: whether it carries out scans
        that others ask for.
        """
        host = socket.gethostname()
        self.name = _registered_name(settings)
        self._lease_s = settings.lease_s
        self._workers = workers
        self._job_store = job_store
        self._breakers = breakers
        self._announce = announce
        instance_id = f"{uuid.uuid4().hex}@{_pid_namespace()}"
        self._instance = WorkerInstance(
            self.name, instance_id, host, os.getpid(), __version__, settings.workers, url, scans
        )
        self._heartbeat = Heartbeat()
        self._rest = RestState()
        self._log_levels: Mapping[str, str] = {}
        self._sent_at = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Note when this worker rests, for the next heartbeat."""
        self._rest(event)

    def register(self) -> None:
        """Register the name, recover the jobs of an earlier process of this name, and mark long lost workers as ended.

        Raises:
            NameTaken: another live worker has the name.
        """
        self._workers.register(self._instance, self._lease_s)
        announce_interrupted(self._job_store.recover_worker(self.name), self._announce)
        self._workers.expire_lost()

    def heartbeat(
        self, running: Sequence[Mapping[str, Any]], unmounted: Sequence[bytes], done: int, failed: int
    ) -> WorkerStatus:
        """Update the row and return this worker's status.

        unmounted: paths on this host. done, failed: numbers of jobs.
        """
        states = {name: str(breaker.state) for name, breaker in self._breakers.items()}
        roots = [to_document(path) for path in unmounted]
        rest = self._rest
        self._heartbeat = Heartbeat(done, failed, running, states, roots, rest.resting, rest.work_times)
        self._sent_at = time.monotonic()
        return self._send().status

    def keep_alive(self, stop: threading.Event) -> None:
        """Send the last heartbeat again while there is no new one, for instance during a scan, until stopped."""
        while not stop.wait(1.0):
            if time.monotonic() - self._sent_at > IDLE_HEARTBEAT_S:
                self._sent_at = time.monotonic()
                with contextlib.suppress(StorageError):
                    self._send()

    def _send(self) -> HeartbeatAnswer:
        """Send the heartbeat, and announce when a person has changed how much is logged."""
        answer = self._workers.heartbeat(self._instance, self._heartbeat)
        if answer.log_levels != self._log_levels:
            self._log_levels = answer.log_levels
            self._announce(LogLevelsChanged(self.name, dict(answer.log_levels)))
        return answer

    def deregister(self) -> None:
        """Mark the row as ended. If the database is unavailable, the row shows the worker as lost later."""
        with contextlib.suppress(StorageUnavailable):
            self._workers.deregister(self._instance)


class RestState:
    """A subscriber that knows whether its worker rests now, and when it works."""

    def __init__(self) -> None:
        self.resting: Resting | None = None
        self.work_times: tuple[tuple[int, int], ...] = ()

    def __call__(self, event: Event) -> None:
        """Note what an event says of it."""
        match event:
            case WorkerResting():
                since = time.time() if self.resting is None else self.resting.since
                self.resting = Resting(event.code, event.reason, since, event.until)
            case WorkerResumed():
                self.resting = None
            case WorkTimesKnown():
                self.work_times = event.times


class SoleRegistration:
    """The row of the only process that works on a library in a folder: written when it changes, and at its end."""

    def __init__(self, settings: Settings, workers: WorkerRegistry) -> None:
        self._workers = workers
        name = worker_name(settings)
        self._instance = WorkerInstance(
            name, ALONE + uuid.uuid4().hex, socket.gethostname(), os.getpid(), __version__, settings.workers
        )
        self._rest = RestState()
        self._written: object = None

    def begin(self) -> None:
        """Mark the row of a process that was killed as ended."""
        with contextlib.suppress(StorageError):
            self._workers.expire_lost(0.0)

    def __call__(self, event: Event) -> None:
        """Note when this process rests, for the next heartbeat."""
        self._rest(event)

    def heartbeat(
        self,
        running: Sequence[Mapping[str, Any]],  # noqa: ARG002  the rows of its jobs tell what it is doing
        unmounted: Sequence[bytes],  # noqa: ARG002  no other process looks at its folders
        done: int,  # noqa: ARG002  its run counts them
        failed: int,  # noqa: ARG002  its run counts them
    ) -> WorkerStatus:
        """Write whether it rests and when it works, if that has changed. It is never asked to drain."""
        found = self._rest.resting, self._rest.work_times
        if found != (self._written or (None, ())):
            if self._written is None:
                self._workers.register(self._instance, 0.0)
            self._workers.heartbeat(self._instance, Heartbeat(resting=found[0], work_times=found[1]))
            self._written = found
        return WorkerStatus.ACTIVE

    def deregister(self) -> None:
        """Mark the row as ended, if there is one."""
        if self._written is not None:
            with contextlib.suppress(StorageError):
                self._workers.deregister(self._instance)


def worker_name(settings: Settings) -> str:
    """The name under which this process takes jobs; without other workers, that of the library's folder."""
    if settings.database_url is None:
        return f"{socket.gethostname()}:{os.path.abspath(settings.data_dir)}"
    return _registered_name(settings)


def _registered_name(settings: Settings) -> str:
    return settings.worker_name or f"{socket.gethostname()}:{os.getpid()}"


def _pid_namespace() -> str:
    """The namespace in which this process's id is unique: each container has its own."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux: there is one namespace only
        return ""
