"""The table of the workers of a shared library: each updates its row by heartbeats, and can be asked to drain."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sqlalchemy import Connection, select, update

from tonearm.errors import NotFound, TonearmError
from tonearm.events.states import Shift
from tonearm.jobs.job_sql import clock
from tonearm.jobs.worker_rows import LOST_S, log_levels_at, shift_of
from tonearm.library.bulk_write import upsert
from tonearm.library.database import Database, serialize_transactions
from tonearm.library.schema import worker_table


class NameTaken(TonearmError):
    """Another live worker has the name."""


class WorkerStatus(Enum):
    """State of a worker, as its heartbeat returns it."""

    ACTIVE = "at work"
    DRAINING = "draining"  # by command: it finishes its running files, takes no more, and ends
    REPLACED = "replaced"  # another process has registered its name, because its heartbeats were missing for too long


class DrainState(Enum):
    """How far a worker has come that was asked to drain."""

    DRAINING = "draining"
    ENDED = "ended"
    LOST = "lost"  # its heartbeats stopped before it said that it had ended


@dataclass(frozen=True, slots=True)
class WorkerInstance:
    """One process of a worker. A later process may have the same name, but never the same ``instance``.

    The part of ``instance`` after ``@`` is the process-id namespace: two containers may both have a process 1.
    url: where it serves its metrics over HTTP, if it does. scans: whether it carries out scans that others ask for.
    """

    name: str
    instance: str
    host: str
    pid: int
    version: str
    slots: int
    url: str | None = None
    scans: bool = False


@dataclass(frozen=True, slots=True)
class HeartbeatAnswer:
    """What a worker is told when it sends a heartbeat. log_levels: levels that a person has set, by logger."""

    status: WorkerStatus
    log_levels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resting:
    """Why a worker takes no jobs for now, since when and until when; by its own clock, as Unix times."""

    code: str
    reason: str
    since: float
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The contents of a heartbeat.

    running: of each running file the job, path (as in JSON columns), stage and for_s (seconds).
    resting: ``None`` while it takes jobs. work_times: from when until when it works, for days to come; empty: always.
    """

    done: int = 0
    failed: int = 0
    running: Sequence[Mapping[str, Any]] = ()
    breakers: Mapping[str, str] = field(default_factory=dict)
    unmounted: Sequence[str] = ()
    resting: Resting | None = None
    work_times: Sequence[tuple[float, float]] = ()

    @property
    def columns(self) -> dict[str, Any]:
        """What of it is stored in the worker's row."""
        rest = self.resting
        return {
            "done": self.done,
            "failed": self.failed,
            "running": list(self.running),
            "breakers": dict(self.breakers),
            "unmounted": list(self.unmounted),
            "rest_code": rest and rest.code,
            "rest_reason": rest and rest.reason,
            "rest_since": rest and rest.since,
            "rest_until": rest and rest.until,
            "work_times": [list(pair) for pair in self.work_times],
        }


class WorkerRegistry:
    """The workers of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, instance: WorkerInstance, lease_s: float) -> None:
        """Register this process under its name.

        Raises:
            NameTaken: a worker of that name has sent a heartbeat within ``lease_s``, and is not known to have ended.
        """
        with self._database.write() as connection:
            serialize_transactions(connection)  # processes of the same name may start at the same moment
            now = clock(connection)
            known = connection.execute(
                select(worker_table).where(worker_table.c.name == instance.name).with_for_update()
            ).one_or_none()
            if known is not None and _alive(known, instance, now, lease_s):
                raise NameTaken(
                    f"a worker named {instance.name} is at work on {known.host} (process {known.pid}); "
                    "give this one another name with --name, or wait until that one has ended"
                )
            row = {
                "name": instance.name,
                "instance": instance.instance,
                "host": instance.host,
                "pid": instance.pid,
                "version": instance.version,
                "slots": instance.slots,
                "started_at": now,
                "seen_at": now,
                "ended_at": None,
                "drain": False,
                "url": instance.url,
                "scans": instance.scans,
                "log_levels": {},
                **Heartbeat().columns,
            }
            upsert(connection, worker_table, ("name",), [row])

    def heartbeat(self, instance: WorkerInstance, heartbeat: Heartbeat) -> HeartbeatAnswer:
        """Update the row of this process; returns whether it is to drain or was replaced, and how much to log."""
        with self._database.write() as connection:
            row = connection.execute(
                update(worker_table)
                .where(worker_table.c.name == instance.name, worker_table.c.instance == instance.instance)
                .values(seen_at=clock(connection), **heartbeat.columns)
                .returning(worker_table.c.drain, worker_table.c.log_levels, worker_table.c.seen_at)
            ).one_or_none()
        if row is None:
            return HeartbeatAnswer(WorkerStatus.REPLACED)
        status = WorkerStatus.DRAINING if row.drain else WorkerStatus.ACTIVE
        return HeartbeatAnswer(status, log_levels_at(row.log_levels, row.seen_at))

    def deregister(self, instance: WorkerInstance) -> None:
        """Report that this process has ended."""
        with self._database.write() as connection:
            now = clock(connection)
            connection.execute(
                update(worker_table)
                .where(worker_table.c.name == instance.name, worker_table.c.instance == instance.instance)
                .values(ended_at=now, seen_at=now, running=[])
            )

    def drain(self, name: str) -> str:
        """Ask a worker to finish its running files, take no more, and end; returns its instance. Raises NotFound."""
        with self._database.write() as connection:
            instance = connection.execute(
                update(worker_table)
                .where(worker_table.c.name == name, worker_table.c.ended_at.is_(None))
                .values(drain=True)
                .returning(worker_table.c.instance)
            ).scalar_one_or_none()
        if instance is None:
            raise nobody(name)
        return str(instance)

    def drain_state(self, name: str, instance: str) -> DrainState:
        """How far this instance has come. One whose name another has taken by now has ended."""
        with self._database.read() as connection:
            row = connection.execute(
                select(worker_table.c.instance, worker_table.c.ended_at, worker_table.c.seen_at).where(
                    worker_table.c.name == name
                )
            ).one_or_none()
            now = clock(connection)
        if row is None or row.instance != instance or row.ended_at is not None:
            return DrainState.ENDED
        return DrainState.LOST if now - row.seen_at > LOST_S else DrainState.DRAINING

    def set_log_level(self, name: str, logger: str, level: str | None, for_s: float | None = None) -> None:
        """Set the level of a worker's logger, or take back what was set; for a while or until it ends.

        Raises:
            NotFound: no such worker is at work.
        """
        is_it = (worker_table.c.name == name, worker_table.c.ended_at.is_(None))
        with self._database.write() as connection:
            known = connection.execute(
                select(worker_table.c.log_levels).where(*is_it).with_for_update()
            ).scalar_one_or_none()
            if known is None:
                raise nobody(name)
            now = clock(connection)
            levels = {other: known[other] for other in log_levels_at(known, now) if other != logger}
            if level is not None:
                levels[logger] = {"level": level, "until": None if for_s is None else now + for_s}
            connection.execute(update(worker_table).where(*is_it).values(log_levels=levels))

    def shifts(self) -> tuple[Shift, ...]:
        """When each of the live workers takes jobs, without draining workers."""
        with self._database.read() as connection:
            alive = select(worker_table).where(
                worker_table.c.ended_at.is_(None),
                worker_table.c.drain.is_(False),
                worker_table.c.seen_at >= clock(connection) - LOST_S,
            )
            return tuple(map(shift_of, connection.execute(alive)))

    def expire_lost(self, after_s: float = 86_400.0) -> int:
        """Mark workers without a heartbeat for ``after_s``, a day by default, as ended; returns how many."""
        with self._database.write() as connection:
            return _end_lost(connection, after_s)


def nobody(name: str) -> NotFound:
    """The error that no worker of a name is at work."""
    return NotFound(f"no worker named {name} is at work; `tonearm workers` lists them")


def _end_lost(connection: Connection, after_s: float) -> int:
    now = clock(connection)
    return connection.execute(
        update(worker_table)
        .where(worker_table.c.ended_at.is_(None), worker_table.c.seen_at < now - after_s)
        .values(ended_at=now, running=[])
    ).rowcount


def _alive(known: Any, instance: WorkerInstance, now: float, lease_s: float) -> bool:
    """Whether the process that last registered a name is alive.

    On this host and in the same process-id namespace this checks the process id; elsewhere its last heartbeat decides.
    """
    if known.ended_at is not None or known.seen_at < now - lease_s:
        return False
    if (known.host, known.instance.partition("@")[2]) != (instance.host, instance.instance.partition("@")[2]):
        return True
    if known.pid == instance.pid:
        return False
    try:
        os.kill(known.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
