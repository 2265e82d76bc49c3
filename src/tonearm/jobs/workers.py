"""Who works: each worker's row, which it renews while it lives, and a person's wish that one of them ends."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sqlalchemy import Connection, select, update

from tonearm.errors import NotFound, TonearmError
from tonearm.jobs.rows import clock
from tonearm.library.database import Database, one_at_a_time
from tonearm.library.many import upsert
from tonearm.library.results import table_of
from tonearm.library.schema import Worker

LOST_S = 30.0
"""A worker that was not heard of for so long is shown as lost."""


class NameTaken(TonearmError):
    """Another worker of that name is alive."""


class Standing(Enum):
    """What a worker learns of itself when it renews its row."""

    AT_WORK = "at work"
    DRAINING = "draining"  # a person wants it to finish what it has, and to end
    REPLACED = "replaced"  # another start has taken its name, as it was not heard of for too long


@dataclass(frozen=True, slots=True)
class Identity:
    """One start of a worker. ``instance`` is different at every start, the name may come back.

    What follows an ``@`` in the instance says in which space the process id is a number: of two containers each may
    have a process 1.
    """

    name: str
    instance: str
    host: str
    pid: int
    version: str
    slots: int


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker says of itself. ``hand``: job, path (as in JSON documents), stage, since."""

    done: int = 0
    failed: int = 0
    hand: Sequence[Mapping[str, Any]] = ()
    breakers: Mapping[str, str] = field(default_factory=dict)
    unseen: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as it is shown. ``state``: working, idle, draining, lost or ended; times by the database's clock."""

    name: str
    host: str
    pid: int
    version: str
    slots: int
    state: str
    started_at: float
    seen_s_ago: float
    done: int
    failed: int
    hand: tuple[Mapping[str, Any], ...]
    breakers: Mapping[str, str]
    unseen: tuple[str, ...]


class Workers:
    """The workers of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enlist(self, who: Identity, lease_s: float) -> None:
        """Take the name for this start.

        Raises:
            NameTaken: a worker of that name was heard of within ``lease_s``, and is not known to be gone.
        """
        with self._database.write() as connection:
            one_at_a_time(connection)  # several of a new name may start at the same moment
            now = clock(connection)
            known = connection.execute(
                select(Worker).where(Worker.name == who.name).with_for_update()
            ).one_or_none()
            if known is not None and _alive(known, who, now, lease_s):
                raise NameTaken(
                    f"a worker named {who.name} is at work on {known.host} (process {known.pid}); "
                    "give this one another name with --name, or wait until that one is gone"
                )
            row = {
                "name": who.name,
                "instance": who.instance,
                "host": who.host,
                "pid": who.pid,
                "version": who.version,
                "slots": who.slots,
                "started_at": now,
                "seen_at": now,
                "ended_at": None,
                "drain": False,
                "done": 0,
                "failed": 0,
                "hand": [],
                "breakers": {},
                "unseen": [],
            }
            upsert(connection, table_of(Worker), ("name",), [row])

    def beat(self, who: Identity, beat: Beat) -> Standing:
        """Say that this start is alive and what it does."""
        with self._database.write() as connection:
            changed = connection.execute(
                update(Worker)
                .where(Worker.name == who.name, Worker.instance == who.instance)
                .values(
                    seen_at=clock(connection),
                    done=beat.done,
                    failed=beat.failed,
                    hand=list(beat.hand),
                    breakers=dict(beat.breakers),
                    unseen=list(beat.unseen),
                )
                .returning(Worker.drain)
            ).scalar_one_or_none()
        if changed is None:
            return Standing.REPLACED
        return Standing.DRAINING if changed else Standing.AT_WORK

    def leave(self, who: Identity) -> None:
        """Say that this start has ended."""
        with self._database.write() as connection:
            now = clock(connection)
            connection.execute(
                update(Worker)
                .where(Worker.name == who.name, Worker.instance == who.instance)
                .values(ended_at=now, seen_at=now, hand=[])
            )

    def drain(self, name: str) -> None:
        """Ask a worker to finish what it has in hand, take no more, and end. Raises NotFound."""
        with self._database.write() as connection:
            changed = connection.execute(
                update(Worker).where(Worker.name == name, Worker.ended_at.is_(None)).values(drain=True)
            ).rowcount
        if not changed:
            raise NotFound(f"no worker named {name} is at work; `tonearm workers` lists them")

    def every(self, ended: bool = False) -> list[WorkerView]:
        """All workers that have not ended, or all that ever were, by name."""
        with self._database.read() as connection:
            now = clock(connection)
            chosen = select(Worker).order_by(Worker.name)
            if not ended:
                chosen = chosen.where(Worker.ended_at.is_(None))
            return [_view(row, now) for row in connection.execute(chosen)]

    def slots(self) -> int:
        """How many files can be worked on at the same time by the workers that are alive."""
        return sum(worker.slots for worker in self.every() if worker.state in {"working", "idle"})

    def forget_lost(self, after_s: float = 86_400.0) -> int:
        """Mark workers that have been lost for a day as ended; returns how many."""
        with self._database.write() as connection:
            return _end_lost(connection, after_s)


def _end_lost(connection: Connection, after_s: float) -> int:
    now = clock(connection)
    return connection.execute(
        update(Worker)
        .where(Worker.ended_at.is_(None), Worker.seen_at < now - after_s)
        .values(ended_at=now, hand=[])
    ).rowcount


def _alive(known: Any, who: Identity, now: float, lease_s: float) -> bool:
    """Whether the last start of a name lives. Where its process id means something the kernel knows.

    Elsewhere its silence tells.
    """
    if known.ended_at is not None or known.seen_at < now - lease_s:
        return False
    if (known.host, known.instance.partition("@")[2]) != (who.host, who.instance.partition("@")[2]):
        return True
    if known.pid == who.pid:
        return False
    try:
        os.kill(known.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _view(row: Any, now: float) -> WorkerView:
    ago = max(0.0, now - row.seen_at)
    if row.ended_at is not None:
        state = "ended"
    elif ago > LOST_S:
        state = "lost"
    elif row.drain:
        state = "draining"
    else:
        state = "working" if row.hand else "idle"
    return WorkerView(
        name=row.name,
        host=row.host,
        pid=row.pid,
        version=row.version,
        slots=row.slots,
        state=state,
        started_at=row.started_at,
        seen_s_ago=ago,
        done=row.done,
        failed=row.failed,
        hand=tuple(row.hand),
        breakers=row.breakers,
        unseen=tuple(row.unseen),
    )
