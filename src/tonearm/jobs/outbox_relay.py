"""Publishes the messages of jobs, raises the priority of those that wait long, and publishes lost messages again.

The job's own row is its entry in the outbox: ``publish_due_at`` says that a message is due, and from when. It is set in
the transaction that makes the job wait, and cleared when the broker has confirmed the message. No row is locked while a
message is being published: a worker may take the job before this process learns of the confirm. A message too many does
no harm; one too few is found by ``reconcile``.
"""

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Select, Update, and_, bindparam, func, literal_column, select, update

from tonearm.errors import ServiceUnavailable, StorageError
from tonearm.events.event import Announce
from tonearm.events.facts import Warned
from tonearm.events.services import BrokerStateChanged
from tonearm.events.states import BrokerState, WarningCode
from tonearm.jobs.batched_update import BATCH_JOBS
from tonearm.jobs.claiming import HELD
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import WAITING, clock
from tonearm.jobs.trace_context import TraceContext
from tonearm.library.bulk_write import among
from tonearm.library.database import Database
from tonearm.library.schema import job_table, run_table
from tonearm.resilience.backoff import Backoff, Rounds
from tonearm.settings import Level

BATCH = 1000
SLACK = 1000
HOLD_S = 30.0
"""For how long a relay that dies while it publishes keeps the others from publishing the same messages."""
FAILURES = Backoff(1.0, 5.0, least=0.5)
IDLE = Backoff(0.05, 0.5, least=0.8)
"""Pauses while nothing is due: the longer nothing was, the longer."""


@dataclass(frozen=True, slots=True)
class JobMessage:
    """What a message says: which job, at which priority, and the correlation id of the job.

    context: the trace context that a received message came with.
    """

    job: int
    level: Level
    correlation_id: str
    context: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class _Batch:
    """Messages that are being published since ``now``; until ``until`` no other relay publishes them."""

    messages: Sequence[JobMessage]
    now: float
    until: float


_ROW = (job_table.c.id, job_table.c.level, job_table.c.rank, job_table.c.correlation_id)
_FIRST_DUE = (
    select(*_ROW)
    .where(job_table.c.publish_due_at <= bindparam("now"))
    .order_by(job_table.c.rank)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)
)
_DUE = _FIRST_DUE.where(job_table.c.state == JobState.QUEUED)
_DUE_RETRIES = _FIRST_DUE.where(
    job_table.c.state == JobState.RETRYING, job_table.c.not_before <= bindparam("now")
)
_DEFER = update(job_table).where(among(job_table.c.id, "jobs")).values(publish_due_at=bindparam("until"))
_STILL_DEFERRED = job_table.c.id.in_(
    select(job_table.c.id)
    .where(among(job_table.c.id, "jobs"), job_table.c.publish_due_at == bindparam("deferred"))
    .with_for_update(skip_locked=True)  # another transaction takes or changes the job just now
)
_MARK_DUE_AGAIN = update(job_table).where(_STILL_DEFERRED).values(publish_due_at=bindparam("now"))
_MARK_PUBLISHED = (
    update(job_table)
    .where(_STILL_DEFERRED)
    .values(publish_due_at=None, published_at=bindparam("now"), published_level=bindparam("sent"))
)
_MARK_DUE = update(job_table).where(among(job_table.c.id, "jobs")).values(publish_due_at=bindparam("now"))
_MARK_LOST_DUE = _MARK_DUE.values(published_level=None)
_RUN_ACTIVE = job_table.c.run_id.not_in(select(run_table.c.id).where(run_table.c.state.in_(HELD)))
_AGED = (
    select(job_table.c.id, job_table.c.rank.label("key"))
    .where(
        job_table.c.published_level == bindparam("level"),
        job_table.c.rank <= bindparam("aged"),
        job_table.c.rank > bindparam("after"),
        job_table.c.state == JobState.QUEUED,
        job_table.c.publish_due_at.is_(None),
    )
    .order_by(job_table.c.rank)
)
_BY_ID = (
    select(job_table.c.id, job_table.c.id.label("key"))
    .where(job_table.c.id > bindparam("after"), _RUN_ACTIVE)
    .order_by(job_table.c.id)
)
_NEVER_PUBLISHED = and_(  # written as the condition of its partial index
    job_table.c.state == literal_column(f"'{JobState.QUEUED}'"),
    job_table.c.publish_due_at.is_(None),
    job_table.c.published_level.is_(None),
)
_ANY_UNPUBLISHED = select(job_table.c.id).where(_NEVER_PUBLISHED, _RUN_ACTIVE).limit(1)
_UNPUBLISHED = _BY_ID.where(_NEVER_PUBLISHED)
_PUBLISHED_BEFORE = _BY_ID.where(
    job_table.c.published_level.is_not(None), job_table.c.published_at < bindparam("before")
)
_EVERYTHING = _BY_ID.where(job_table.c.publish_due_at.is_(None), job_table.c.state.in_(WAITING))
_PUBLISHED = select(func.count()).select_from(
    select(job_table.c.published_level)
    .where(job_table.c.published_level.is_not(None), job_table.c.published_at < bindparam("before"))
    .limit(bindparam("at_most"))
    .subquery()
)


class Publisher(Protocol):
    """The publishing side of a broker."""

    @property
    def connected(self) -> bool:
        """Whether the broker can be reached, as far as is known without trying."""

    @property
    def unavailable_reason(self) -> str:
        """Why it can't be reached, a sentence."""

    def publish(self, messages: Sequence[JobMessage]) -> None:
        """Return once the broker has every message on disk.

        Raises:
            ServiceUnavailable: the broker does not answer; it may have some of the messages.
        """

    def count_ready(self) -> int:
        """How many messages wait at the broker and were not delivered. Raises ServiceUnavailable."""

    def queue_was_recreated(self) -> bool:
        """Whether a queue had to be created since this was last asked: then nothing that was published is there."""


class OutboxRelay:
    """Brings the messages of jobs from the database to the broker."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        ageing_s: float,
        reconcile_s: float,
        announce: Announce,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._ageing_s = ageing_s
        self._reconcile_s = reconcile_s
        self._announce = announce
        self._was_empty = False
        self._recreated = False
        self._state: BrokerState | None = None
        self._reconcile_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Publish until stopped; wait for a broker or a database that is unavailable."""
        rounds = Rounds(FAILURES, stop.wait)
        idle = 0
        for _ in rounds:
            try:
                if not self._publisher.connected:
                    self._announce_state(BrokerState.UNAVAILABLE, self._publisher.unavailable_reason)
                published = self._publisher.connected and self._round()
            except (ServiceUnavailable, StorageError):
                continue  # its circuit breaker announces it
            idle = 0 if published else idle + 1
            rounds.succeeded(IDLE.delay_s(idle) if idle else 0.0)

    def _round(self) -> bool:
        """Do what is due; returns whether anything was published."""
        self._recreated = self._publisher.queue_was_recreated() or self._recreated
        if self._recreated:
            self.publish_all_again()
            self._recreated = False
        published = self.publish_batch()
        if not published or self._state is BrokerState.UNAVAILABLE:
            self._announce_state(BrokerState.READY, None)
        if (began := time.monotonic()) >= self._reconcile_at:
            self.raise_aged()
            self.reconcile()
            took_s = time.monotonic() - began
            self._reconcile_at = began + max(self._reconcile_s, took_s * 50)  # the more jobs, the less often
        return published > 0

    def _announce_state(self, state: BrokerState, reason: str | None) -> None:
        """Announce a state unless it was the last one announced. That the broker is ready at first is no change."""
        if state is not self._state and not (self._state is None and state is BrokerState.READY):
            self._announce(BrokerStateChanged(state, reason))
        self._state = state

    def publish_batch(self) -> int:
        """Publish one batch of what is due, the most urgent first; returns how many. Raises ServiceUnavailable."""
        batch = self._defer_due()
        if not batch.messages:
            return 0
        try:
            self._publisher.publish(batch.messages)
        except ServiceUnavailable:
            with contextlib.suppress(StorageError), self._database.write() as connection:
                deferred = {"jobs": [message.job for message in batch.messages], "deferred": batch.until}
                connection.execute(_MARK_DUE_AGAIN, deferred | {"now": batch.now})
            raise
        by_level: dict[Level, list[int]] = {}
        for message in batch.messages:
            by_level.setdefault(message.level, []).append(message.job)
        with self._database.write() as connection:
            for level, jobs in by_level.items():
                published = {"jobs": jobs, "deferred": batch.until, "now": batch.now, "sent": int(level)}
                connection.execute(_MARK_PUBLISHED, published)
        return len(batch.messages)

    def _defer_due(self) -> _Batch:
        """Choose what is due and defer it, so that no other relay publishes it at the same time."""
        with self._database.write() as connection:
            now = clock(connection)
            due = [
                *connection.execute(_DUE, {"now": now, "at_most": BATCH}),
                *connection.execute(_DUE_RETRIES, {"now": now, "at_most": BATCH}),
            ]
            chosen = sorted(due, key=lambda row: row.rank)[:BATCH]
            if chosen:
                deferred = {"jobs": [row.id for row in chosen], "until": now + HOLD_S}
                connection.execute(_DEFER, deferred)
        messages = [
            JobMessage(row.id, self._level(row.level, row.rank, now), row.correlation_id) for row in chosen
        ]
        return _Batch(messages, now, now + HOLD_S)

    def raise_aged(self) -> int:
        """Mark another message due for waiting jobs whose priority has risen above that of their last message."""
        with self._database.read() as connection:
            now = clock(connection)
        return sum(
            self._mark_due(_AGED, _MARK_DUE, level=int(level), aged=now + (int(level) - 1) * self._ageing_s)
            for level in (Level.BACKGROUND, Level.LOW, Level.NORMAL)
        )

    def reconcile(self) -> int:
        """Mark due again what the broker must have lost, and what was never published; returns how many."""
        ready = self._publisher.count_ready()
        enough = ready + max(SLACK, ready // 9) + 1
        with self._database.read() as connection:
            before = clock(connection) - self._reconcile_s
            sent = connection.execute(_PUBLISHED, {"before": before, "at_most": enough}).scalar_one()
            never = connection.execute(_ANY_UNPUBLISHED).first()
        empty = sent > 0 and ready == 0
        lost = (empty and self._was_empty) or sent == enough
        self._was_empty = empty and not lost
        if lost:
            text = (
                f"the broker has {ready:,} messages where at least {sent:,} jobs wait; publishing them again"
            )
            self._announce(Warned(WarningCode.BROKER_LOST_MESSAGES, text))
        due = self._mark_due(_UNPUBLISHED, _MARK_DUE) if never is not None else 0
        return due + (self._mark_due(_PUBLISHED_BEFORE, _MARK_LOST_DUE, before=before) if lost else 0)

    def publish_all_again(self) -> int:
        """Mark a message due for every waiting job: the broker has none any more."""
        due = self._mark_due(_EVERYTHING, _MARK_LOST_DUE)
        if due:
            text = f"the broker's queue was gone; {due:,} jobs are published again"
            self._announce_state(BrokerState.RECONCILING, text)
        return due

    def _mark_due(self, chosen: Select[int, Any], mark: Update, **values: float) -> int:
        """Mark a message due for all that are chosen, in batches in the order of a key; returns how many."""
        due, after = 0, -1
        while True:
            with self._database.write() as connection:
                batch = chosen.limit(BATCH_JOBS).with_for_update(skip_locked=True)
                rows = connection.execute(batch, {"after": after, **values}).all()
                if rows:
                    connection.execute(mark, {"jobs": [row.id for row in rows], "now": clock(connection)})
            due += len(rows)
            if len(rows) < BATCH_JOBS:
                return due
            after = rows[-1].key

    def _level(self, level: int, rank: float, now: float) -> Level:
        """The level that a waiting job has risen to with time; no job rises to critical."""
        if level == Level.CRITICAL:
            return Level.CRITICAL
        aged = -int((now - rank) // self._ageing_s)
        return Level(max(int(Level.HIGH), min(level, aged)))
