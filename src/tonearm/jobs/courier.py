"""Carries what the database owes to the broker, raises what has waited long, and sends again what got lost.

The job's own row is its entry in the outbox: ``owed_at`` says that, and from when, a message is due. It is
written in the transaction that makes the job wait, and cleared when the broker has confirmed the message.
A message too many does no harm; one too few is found by ``reconcile``.
"""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import ColumnElement, func, or_, select, update

from tonearm.errors import ServiceAway, StorageError
from tonearm.events import Announce, StateChanged, Warned
from tonearm.jobs.job import JobState
from tonearm.jobs.rows import clock
from tonearm.library.database import Database
from tonearm.library.schema import Job, Run
from tonearm.settings import Level

BATCH = 500
SLACK = 1000


@dataclass(frozen=True, slots=True)
class Note:
    """What a message says: which job, how urgent, and the id under which its story can be followed."""

    job: int
    level: Level
    correlation_id: str


class Post(Protocol):
    """The sending side of a broker."""

    def send(self, notes: Sequence[Note]) -> None:
        """Return once the broker has every note on disk; raise ServiceAway otherwise, when it may have some."""

    def ready(self) -> int:
        """How many messages wait at the broker and are in nobody's hands. Raises ServiceAway."""

    def made_anew(self) -> bool:
        """Whether the queue had to be made since this was last asked: then nothing that was sent is there."""


class Courier:
    """Brings notes from the database to the post."""

    def __init__(
        self, database: Database, post: Post, ageing_s: float, reconcile_s: float, announce: Announce
    ) -> None:
        self._database = database
        self._post = post
        self._ageing_s = ageing_s
        self._reconcile_s = reconcile_s
        self._announce = announce
        self._was_dry = False

    def run(self, stop: threading.Event) -> None:
        """Carry until stopped; wait out a broker or a database that is away."""
        pause = 0.05
        look_at = 0.0
        anew = False
        while not stop.is_set():
            try:
                anew = self._post.made_anew() or anew
                if anew:
                    self.send_again()
                    anew = False
                carried = self.carry()
                if time.monotonic() >= look_at:
                    look_at = time.monotonic() + self._reconcile_s
                    self.age()
                    self.reconcile()
                pause = 0.05 if carried else min(0.5, pause * 1.5)
            except (ServiceAway, StorageError):
                pause = min(5.0, max(0.5, pause * 2))  # whoever is away is announced by its breaker
            stop.wait(0.0 if pause <= 0.05 else pause * random.uniform(0.8, 1.2))  # noqa: S311

    def carry(self) -> int:
        """Send one batch of what is due, the most urgent first; returns how many."""
        with self._database.write() as connection:
            now = clock(connection)
            due = connection.execute(
                select(Job.id, Job.level, Job.rank, Job.correlation_id)
                .where(
                    Job.owed_at.is_not(None),
                    Job.owed_at <= now,
                    Job.state.in_((JobState.QUEUED, JobState.RETRYING)),
                )
                .order_by(Job.rank)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            ).all()
            if not due:
                return 0
            notes = [
                Note(row.id, self._level(row.level, row.rank, now), row.correlation_id or f"{row.id:032x}")
                for row in due
            ]
            self._post.send(notes)
            by_level: dict[Level, list[int]] = {}
            for note in notes:
                by_level.setdefault(note.level, []).append(note.job)
            for level, jobs in by_level.items():
                connection.execute(
                    update(Job)
                    .where(Job.id.in_(jobs))
                    .values(owed_at=None, published_at=now, published_level=int(level))
                )
        return len(notes)

    def age(self) -> int:
        """Owe another, more urgent message to waiting jobs that have aged past their last one's level."""
        raised = 0
        with self._database.write() as connection:
            now = clock(connection)
            for level in (Level.BACKGROUND, Level.LOW, Level.NORMAL):
                raised += connection.execute(
                    update(Job)
                    .where(
                        Job.state == JobState.QUEUED,
                        Job.rank <= now + (int(level) - 1) * self._ageing_s,
                        Job.published_level == int(level),
                        Job.owed_at.is_(None),
                    )
                    .values(owed_at=now)
                ).rowcount
        return raised

    def reconcile(self) -> int:
        """Owe again what the broker must have lost, and owe what nobody ever sent; returns how many."""
        with self._database.read() as connection:
            now = clock(connection)
            before = now - self._reconcile_s
            held = select(Run.id).where(Run.state.in_(("paused", "cancelled")))
            sent = connection.execute(
                select(func.count()).where(
                    Job.state == JobState.QUEUED, Job.published_at < before, Job.owed_at.is_(None)
                )
            ).scalar_one()
            never = connection.execute(
                select(Job.id)
                .where(
                    Job.state == JobState.QUEUED,
                    Job.owed_at.is_(None),
                    Job.published_at.is_(None),
                    Job.run_id.not_in(held),
                )
                .limit(1)
            ).first()
        ready = self._post.ready()
        dry = sent > 0 and ready == 0
        lost = (dry and self._was_dry) or ready + max(SLACK, sent // 10) < sent
        self._was_dry = dry and not lost
        if lost:
            self._announce(
                Warned(f"the broker has {ready:,} messages where {sent:,} jobs wait; sending them again")
            )
        return self._owe(before if lost else None) if lost or never is not None else 0

    def send_again(self) -> int:
        """Owe a message to every waiting job: the broker has nothing any more."""
        owed = self._owe(None, everything=True)
        if owed:
            self._announce(
                StateChanged(0, "reconciling", f"the broker's queue was gone; {owed:,} jobs sent again")
            )
        return owed

    def _owe(self, before: float | None, everything: bool = False) -> int:
        held = select(Run.id).where(Run.state.in_(("paused", "cancelled")))
        which: ColumnElement[bool] = Job.published_at.is_(None)
        if before is not None:
            which = or_(which, Job.published_at < before)
        with self._database.write() as connection:
            now = clock(connection)
            chosen = update(Job).where(Job.owed_at.is_(None), Job.run_id.not_in(held))
            if everything:  # among them retries that were sent for because they were due
                chosen = chosen.where(Job.state.in_((JobState.QUEUED, JobState.RETRYING)))
            else:
                chosen = chosen.where(Job.state == JobState.QUEUED, which)
            return connection.execute(chosen.values(owed_at=now)).rowcount

    def _level(self, level: int, rank: float, now: float) -> Level:
        """The level that a waiting job has aged to; critical is reached by choice alone."""
        if level == Level.CRITICAL:
            return Level.CRITICAL
        aged = -int((now - rank) // self._ageing_s)
        return Level(max(int(Level.HIGH), min(level, aged)))
