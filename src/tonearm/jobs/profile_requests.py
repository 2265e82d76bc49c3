"""The table by which a person asks a worker on any host for a profile, and by which the worker answers.

It works alike in a library of one process, whose folder another shell can open too, and in one that hosts share.
"""

import os
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, true, update

from tonearm.errors import TonearmError
from tonearm.jobs.job_sql import clock
from tonearm.jobs.worker_registry import nobody
from tonearm.jobs.worker_rows import LOST_S
from tonearm.library.database import Database
from tonearm.library.schema import profile_table, worker_table
from tonearm.names import printable

STALE_S = 60.0
"""Seconds after which a request that was not begun, or should have ended, no longer counts: the caller was killed."""


class CannotProfile(TonearmError):
    """A worker can't be asked for a profile now, or does not answer."""


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """What a worker is asked for. child: the process id of the only child to be sampled, if it is not all of them."""

    id: int
    child: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ProfileAnswer:
    """How far a worker is. ``refusal`` or ``profile`` is there once it has ended."""

    begun: bool
    refusal: str | None
    profile: bytes | None


class ProfileRequests:
    """The requests for profiles of the workers of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, worker: str, child: int | None, seconds: float) -> int:
        """Ask a worker; returns the id of the request.

        Raises:
            NotFound: in a shared library, no worker of that name is at work.
            CannotProfile: it is lost, or is being profiled already.
        """
        with self._database.write() as connection:
            now = clock(connection)
            if self._database.shared:
                _require_alive(connection, worker, now)
            others = select(profile_table.c.id).where(
                self._is_to(worker),
                profile_table.c.ended_at.is_(None),
                profile_table.c.asked_at + profile_table.c.seconds > now - STALE_S,
            )
            if connection.execute(others.limit(1)).first() is not None:
                raise CannotProfile(
                    f"{printable(worker)} is being profiled already; try again when that has ended"
                )
            request = int.from_bytes(os.urandom(8)) >> 2
            row = {"id": request, "worker": worker, "child": child, "seconds": seconds, "asked_at": now}
            connection.execute(insert(profile_table).values(row))
        return request

    def _is_to(self, worker: str) -> ColumnElement[bool]:
        """Condition: requests to a worker. In a library of one process all are, by whatever path it was opened."""
        return profile_table.c.worker == worker if self._database.shared else true()

    def answer_to(self, request: int) -> ProfileAnswer | None:
        """How far the worker is with a request; ``None`` if the request was deleted."""
        with self._database.read() as connection:
            row = connection.execute(select(profile_table).where(profile_table.c.id == request)).one_or_none()
        return None if row is None else ProfileAnswer(row.begun_at is not None, row.refusal, row.profile)

    def withdraw(self, request: int) -> None:
        """Delete a request, whether it is answered or not; a worker that is at it ends."""
        with self._database.write() as connection:
            connection.execute(delete(profile_table).where(profile_table.c.id == request))

    def next(self, worker: str) -> ProfileRequest | None:
        """The next request to a worker, if there is one. For the worker."""
        with self._database.read() as connection:
            row = connection.execute(
                select(profile_table.c.id, profile_table.c.child, profile_table.c.seconds)
                .where(
                    self._is_to(worker),
                    profile_table.c.begun_at.is_(None),
                    profile_table.c.asked_at > clock(connection) - STALE_S,
                )
                .order_by(profile_table.c.asked_at)
                .limit(1)
            ).one_or_none()
        return None if row is None else ProfileRequest(row.id, row.child, row.seconds)

    def begin(self, request: ProfileRequest) -> bool:
        """Note that the worker has begun to sample; ``False`` if the request is not wanted any more."""
        with self._database.write() as connection:
            begun = update(profile_table).where(profile_table.c.id == request.id)
            return connection.execute(begun.values(begun_at=clock(connection))).rowcount > 0

    def is_wanted(self, request: ProfileRequest) -> bool:
        """Whether the request still stands."""
        with self._database.read() as connection:
            found = select(profile_table.c.id).where(profile_table.c.id == request.id)
            return connection.execute(found).first() is not None

    def answer(self, request: ProfileRequest, profile: bytes | None, refusal: str | None = None) -> None:
        """Store the profile, or why there is none. Does nothing if the request was withdrawn."""
        with self._database.write() as connection:
            now = clock(connection)
            connection.execute(
                update(profile_table)
                .where(profile_table.c.id == request.id)
                .values(begun_at=now, ended_at=now, profile=profile, refusal=refusal)
            )


def _require_alive(connection: Connection, worker: str, now: float) -> None:
    row = connection.execute(
        select(worker_table.c.seen_at, worker_table.c.host).where(
            worker_table.c.name == worker, worker_table.c.ended_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        raise nobody(worker)
    if now - row.seen_at > LOST_S:
        raise CannotProfile(
            f"{printable(worker)} is lost: its last heartbeat from {row.host} came {now - row.seen_at:.0f} s ago"
        )
