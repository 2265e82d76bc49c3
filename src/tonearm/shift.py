"""One process among the workers of a shared library: how it speaks, signs on and off, follows the others, serves."""

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tonearm import __version__
from tonearm.errors import StorageAway, StorageError
from tonearm.events import Announce, Event, Summary, WorkersChanged
from tonearm.jobs.runs import Runs
from tonearm.jobs.sql import SqlLedger
from tonearm.jobs.workers import Beat, Identity, Standing, Workers
from tonearm.library.database import Database
from tonearm.names import to_document
from tonearm.progress.follower import Follower
from tonearm.progress.glance import Glance
from tonearm.resilience.breaker import CircuitBreaker
from tonearm.settings import Settings
from tonearm.worker.supervisor import Supervisor, Task

NOW_AND_THEN_S = 5.0


class Speaker:
    """Hands events to whoever has subscribed by then, one at a time, whichever thread they come from.

    Breakers are made before anybody listens. A summary is the last word: what threads say while they end is not heard.
    """

    def __init__(self) -> None:
        self._listeners: tuple[Announce, ...] = ()
        self._lock = threading.RLock()
        self._over = False

    def subscribe(self, listener: Announce) -> None:
        """Hear every event from now on."""
        self._listeners = (*self._listeners, listener)

    def __call__(self, event: Event) -> None:
        """Announce an event."""
        with self._lock:
            if self._over:
                return
            for listener in self._listeners:
                listener(event)
            self._over = isinstance(event, Summary)


class Desk:
    """This process among the workers of a shared library: its name and its row."""

    def __init__(
        self,
        settings: Settings,
        workers: Workers,
        ledger: SqlLedger,
        breakers: Mapping[str, CircuitBreaker],
    ) -> None:
        host = socket.gethostname()
        self.name = settings.worker_name or f"{host}:{os.getpid()}"
        self._lease_s = settings.lease_s
        self._workers = workers
        self._ledger = ledger
        self._breakers = breakers
        instance = f"{uuid.uuid4().hex}@{_process_space()}"
        self._who = Identity(self.name, instance, host, os.getpid(), __version__, settings.workers)
        self._beat = Beat()
        self._beaten_at = time.monotonic()

    def enlist(self) -> None:
        """Take the name, take back what its last start left behind, forget who is long lost. Raises NameTaken."""
        self._workers.enlist(self._who, self._lease_s)
        self._ledger.reclaim(self.name)
        self._workers.forget_lost()

    def beat(
        self, hand: Sequence[Mapping[str, Any]], unseen: Sequence[bytes], done: int, failed: int
    ) -> Standing:
        """Renew the row, and learn how this worker stands."""
        states = {name: str(breaker.state) for name, breaker in self._breakers.items()}
        roots = [to_document(path) for path in unseen]
        self._beat = Beat(done, failed, hand, states, roots)
        self._beaten_at = time.monotonic()
        return self._workers.beat(self._who, self._beat)

    def keep(self, stop: threading.Event) -> None:
        """Renew the row as it is while nobody else does, as during a scan, until stopped."""
        while not stop.wait(1.0):
            if time.monotonic() - self._beaten_at > NOW_AND_THEN_S:
                self._beaten_at = time.monotonic()
                with contextlib.suppress(StorageError):
                    self._workers.beat(self._who, self._beat)

    def leave(self) -> None:
        """Say that this process ends; silence says it too."""
        with contextlib.suppress(StorageAway):
            self._workers.leave(self._who)


def _process_space() -> str:
    """What the kernel calls the space in which this process's id is a number: a container has one of its own."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux, which has but one
        return ""


class Follow:
    """What a call in a shared library does each second: tell what others did in its run, and how many work."""

    def __init__(
        self, database: Database, workers: Workers, speaker: Speaker, glance: Glance, worker: str
    ) -> None:
        self._database = database
        self._workers = workers
        self._speaker = speaker
        self._glance = glance
        self._worker = worker
        self._follower: Follower | None = None
        self._counted_at = 0.0

    def __call__(self, run: int) -> None:
        """One look; a database that is away is asked again at the next."""
        if self._follower is None:
            self._follower = Follower(self._database, self._glance, run, self._worker)
            self._speaker.subscribe(self._follower)
        with contextlib.suppress(StorageError):
            behind = True
            while behind:
                for event in self._follower.look():
                    self._speaker(event)
                behind = self._follower.behind
            if time.monotonic() - self._counted_at > NOW_AND_THEN_S:
                self._counted_at = time.monotonic()
                self._speaker(WorkersChanged(self._workers.slots()))


@dataclass(slots=True)
class Duty:
    """What a worker process does until it is told to end."""

    supervisor: Supervisor
    runs: Runs
    _looked: float = field(default=0.0)

    def serve(self) -> None:
        """Work on whatever comes, from all runs."""
        self.supervisor.work(Task(None, lambda _: False, self._meanwhile))

    def _meanwhile(self) -> None:
        """End the runs of which nothing is open any more: nobody may be following them."""
        if time.monotonic() - self._looked > NOW_AND_THEN_S:
            self._looked = time.monotonic()
            with contextlib.suppress(StorageError):
                self.runs.close_ended()
