"""Publishes the messages of jobs, raises the priority of jobs that wait long, and publishes lost messages again.

The row of a job is its entry in the outbox: ``publish_due_at`` is the time from which a message is due. It is set in
the transaction that queues the job, and cleared when the broker has confirmed the message. No row is locked while its
message is being published: a worker may take the job before this process receives the confirmation. A duplicate message
is harmless; a missing one is found by ``reconcile``.
"""

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Select, Update, and_, bindparam, func, literal_column, select, update

from tonearm.errors import ServiceUnavailable, StorageError
from tonearm.events.batches import MessagesPublished, PublishedMessage
from tonearm.events.event import Announce
from tonearm.events.facts import Warned
from tonearm.events.job_trace import JobTrace
from tonearm.events.services import BrokerStateChanged
from tonearm.events.states import BrokerState, WarningCode
from tonearm.jobs.batched_update import BATCH_JOBS
from tonearm.jobs.claiming import INACTIVE_RUN_STATES
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import WAITING, clock
from tonearm.jobs.trace_context import Sampler, TraceContext, sent_context
from tonearm.library.database import Database
from tonearm.library.one_of import among
from tonearm.library.schema import job_table, run_table
from tonearm.resilience.backoff import Backoff, Rounds
from tonearm.settings import Level

BATCH = 1000
"""Maximum number of messages that are published together."""
SLACK = 1000
"""Difference between the numbers of published and of ready messages that is never taken for a loss: the two are counted
one after the other, and messages that were delivered to workers are not ready."""
DEFER_S = 30.0
"""For how long messages are deferred while a relay publishes them; if it dies, another relay publishes them then."""
MEANWHILE = "jobs wait in the database until it answers"
FAILURES = Backoff(1.0, 5.0, least=0.5)
IDLE = Backoff(0.05, 0.5, least=0.8)
"""Pauses while nothing is due; they become longer with every round in which nothing was."""


@dataclass(frozen=True, slots=True)
class JobMessage:
    """The contents of a message: the job, its priority, its correlation id and, if there is one, its trace context."""

    job: int
    level: Level
    correlation_id: str
    context: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class _Batch:
    """Messages that are being published. now: the database's time. until: no other relay publishes them before.

    recorded: the messages whose traces are recorded.
    """

    messages: Sequence[JobMessage]
    recorded: tuple[PublishedMessage, ...]
    now: float
    until: float


_ROW = (
    job_table.c.id,
    job_table.c.level,
    job_table.c.rank,
    job_table.c.attempts,
    job_table.c.correlation_id,
    job_table.c.retried,
    job_table.c.sampled,
)
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
    .with_for_update(skip_locked=True)  # another transaction is taking or changing the job
)
_MARK_DUE_AGAIN = update(job_table).where(_STILL_DEFERRED).values(publish_due_at=bindparam("now"))
_MARK_PUBLISHED = (
    update(job_table)
    .where(_STILL_DEFERRED)
    .values(publish_due_at=None, published_at=bindparam("now"), published_level=bindparam("sent"))
)
_MARK_DUE = update(job_table).where(among(job_table.c.id, "jobs")).values(publish_due_at=bindparam("now"))
_MARK_LOST_DUE = _MARK_DUE.values(published_level=None)
_RUN_ACTIVE = job_table.c.run_id.not_in(
    select(run_table.c.id).where(run_table.c.state.in_(INACTIVE_RUN_STATES))
)
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
        """Whether the connection to the broker is open, as far as is known without using it."""

    @property
    def unavailable_reason(self) -> str:
        """Why there is no connection; a sentence."""

    def publish(self, messages: Sequence[JobMessage]) -> None:
        """Publish messages; returns once the broker has every message on disk.

        Raises:
            ServiceUnavailable: the broker does not answer; it may have some of the messages.
        """

    def count_ready(self) -> int:
        """Number of messages at the broker that were not delivered. Raises ServiceUnavailable."""

    def queue_was_recreated(self) -> bool:
        """Whether a queue was created since the last call; then the messages published before are lost."""


class OutboxRelay:
    """Publishes the messages that are due in the database to the broker."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        ageing_s: float,
        reconcile_s: float,
        announce: Announce,
        sampler: Sampler | None = None,
    ) -> None:
        """``sampler``: decides which traces are recorded, if this process records any."""
        self._database = database
        self._publisher = publisher
        self._ageing_s = ageing_s
        self._reconcile_s = reconcile_s
        self._announce = announce
        self._sampler = sampler
        self._was_empty = False
        self._recreated = False
        self._state: BrokerState | None = None
        self._reconcile_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Publish until stopped; while the broker or the database is unavailable, wait."""
        rounds = Rounds(FAILURES, stop.wait)
        idle = 0
        for _ in rounds:
            try:
                if not self._publisher.connected:
                    reason = f"{self._publisher.unavailable_reason}; {MEANWHILE}"
                    self._announce_state(BrokerState.UNAVAILABLE, reason)
                published = self._publisher.connected and self._round()
            except (ServiceUnavailable, StorageError):
                continue  # its circuit breaker announces it
            idle = 0 if published else idle + 1
            rounds.succeeded(IDLE.delay_s(idle) if idle else 0.0)

    def _round(self) -> bool:
        """Publish a batch and reconcile if it is time; returns whether anything was published."""
        self._recreated = self._publisher.queue_was_recreated() or self._recreated
        if self._recreated:
            self.publish_all_again()
            self._recreated = False
        published = self.publish_batch()
        if not published or self._state is BrokerState.UNAVAILABLE:
            self._announce_state(BrokerState.READY, None)
        if (began := time.monotonic()) >= self._reconcile_at:
            self.republish_aged()
            self.reconcile()
            took_s = time.monotonic() - began
            self._reconcile_at = began + max(self._reconcile_s, took_s * 50)  # at most 2% of the time
        return published > 0

    def _announce_state(self, state: BrokerState, reason: str | None) -> None:
        """Announce a change of state. A broker that is ready from the start is not announced."""
        if state is not self._state and not (self._state is None and state is BrokerState.READY):
            self._announce(BrokerStateChanged(state, reason))
        self._state = state

    def publish_batch(self) -> int:
        """Publish one batch of due messages, the most urgent first; returns how many. Raises ServiceUnavailable."""
        batch = self._defer_due()
        if not batch.messages:
            return 0
        began = time.monotonic()
        try:
            self._publisher.publish(batch.messages)
        except ServiceUnavailable as error:
            self._announce_published(batch, began, str(error))
            with contextlib.suppress(StorageError), self._database.write() as connection:
                deferred = {"jobs": [message.job for message in batch.messages], "deferred": batch.until}
                connection.execute(_MARK_DUE_AGAIN, deferred | {"now": batch.now})
            raise
        self._announce_published(batch, began, None)
        by_level: dict[Level, list[int]] = {}
        for message in batch.messages:
            by_level.setdefault(message.level, []).append(message.job)
        with self._database.write() as connection:
            for level, jobs in by_level.items():
                published = {"jobs": jobs, "deferred": batch.until, "now": batch.now, "sent": int(level)}
                connection.execute(_MARK_PUBLISHED, published)
        return len(batch.messages)

    def _defer_due(self) -> _Batch:
        """Choose messages that are due and defer them, so that no other relay publishes them at the same time."""
        with self._database.write() as connection:
            now = clock(connection)
            due = [
                *connection.execute(_DUE, {"now": now, "at_most": BATCH}),
                *connection.execute(_DUE_RETRIES, {"now": now, "at_most": BATCH}),
            ]
            chosen = sorted(due, key=lambda row: row.rank)[:BATCH]
            if chosen:
                deferred = {"jobs": [row.id for row in chosen], "until": now + DEFER_S}
                connection.execute(_DEFER, deferred)
        messages, recorded = [], []
        for row in chosen:
            level = self._level(row.level, row.rank, now)
            trace = JobTrace(row.correlation_id, row.retried, row.sampled, row.attempts)
            context = sent_context(trace, self._sampler)
            messages.append(JobMessage(row.id, level, row.correlation_id, context))
            if self._sampler is not None and context is not None and context.sampled:
                recorded.append(PublishedMessage(row.id, level.label, trace, context.parent_id))
        return _Batch(messages, tuple(recorded), now, now + DEFER_S)

    def _announce_published(self, batch: _Batch, began: float, error: str | None) -> None:
        elapsed_s = time.monotonic() - began
        self._announce(MessagesPublished(len(batch.messages), elapsed_s, error, batch.recorded))

    def republish_aged(self) -> int:
        """Make another message due for waiting jobs whose priority has risen above that of their last message."""
        with self._database.read() as connection:
            now = clock(connection)
        return sum(
            self._mark_due(_AGED, _MARK_DUE, level=int(level), aged=now + (int(level) - 1) * self._ageing_s)
            for level in (Level.BACKGROUND, Level.LOW, Level.NORMAL)
        )

    def reconcile(self) -> int:
        """Make messages due again that the broker must have lost or that were never published; returns how many."""
        ready = self._publisher.count_ready()
        # A loss: more than SLACK, and more than a tenth, of the published messages are not ready.
        # The tenth is ready / 9, as the published ones are then ready · 10 / 9.
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
        """Make a message due for every waiting job, because the broker has lost all messages."""
        due = self._mark_due(_EVERYTHING, _MARK_LOST_DUE)
        if due:
            text = f"the broker's queue was gone; {due:,} jobs are published again"
            self._announce_state(BrokerState.REPUBLISHING, text)
        return due

    def _mark_due(self, chosen: Select[int, Any], mark: Update, **values: float) -> int:
        """Make messages due for the chosen jobs, in batches ordered by a key; returns how many."""
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
        """The level to which the age of a waiting job has raised it; no job rises to critical."""
        if level == Level.CRITICAL:
            return Level.CRITICAL
        aged = -int((now - rank) // self._ageing_s)
        return Level(max(int(Level.HIGH), min(level, aged)))
