"""Carries what the database owes to the broker, raises what has waited long, and sends again what got lost.

The job's own row is its entry in the outbox: ``publish_due_at`` says that, and from when, a message is due. It is
written in the transaction that makes the job wait, and cleared when the broker has confirmed the message.
While a message is on its way no row is locked: a worker may have the job before this side hears that it was sent.
A message too many does no harm; one too few is found by ``reconcile``.
"""

import contextlib
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Select, Update, and_, bindparam, func, literal_column, select, update

from tonearm.errors import ServiceAway, StorageError
from tonearm.events.facts import Announce, BrokerStateChanged, Warned
from tonearm.events.states import BrokerState, WarningCode
from tonearm.jobs.batched_update import BATCH_JOBS
from tonearm.jobs.claiming import HELD
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import WAITING, clock
from tonearm.library.bulk_write import among
from tonearm.library.database import Database
from tonearm.library.schema import job_table, run_table
from tonearm.settings import Level

BATCH = 1000
SLACK = 1000
HOLD_S = 30.0
"""How long a courier that died on the way keeps the others from sending what it had with it."""


@dataclass(frozen=True, slots=True)
class JobMessage:
    """What a message says: which job, how urgent, and the id under which its story can be followed."""

    job: int
    level: Level
    correlation_id: str


@dataclass(frozen=True, slots=True)
class _Batch:
    """Notes that are on their way, since ``now``; till ``until`` nobody else sends them."""

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
_HOLD = update(job_table).where(among(job_table.c.id, "jobs")).values(publish_due_at=bindparam("until"))
_STILL_HELD = job_table.c.id.in_(
    select(job_table.c.id)
    .where(among(job_table.c.id, "jobs"), job_table.c.publish_due_at == bindparam("held"))
    .with_for_update(skip_locked=True)  # somebody takes it just now, or has something else in mind with it
)
_LET_GO = update(job_table).where(_STILL_HELD).values(publish_due_at=bindparam("now"))
_SENT = (
    update(job_table)
    .where(_STILL_HELD)
    .values(publish_due_at=None, published_at=bindparam("now"), published_level=bindparam("sent"))
)
_OWE = update(job_table).where(among(job_table.c.id, "jobs")).values(publish_due_at=bindparam("now"))
_OWE_LOST = _OWE.values(published_level=None)
_GOING_ON = job_table.c.run_id.not_in(select(run_table.c.id).where(run_table.c.state.in_(HELD)))
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
    .where(job_table.c.id > bindparam("after"), _GOING_ON)
    .order_by(job_table.c.id)
)
_NOTHING_OUT = and_(  # in the words of its index
    job_table.c.state == literal_column(f"'{JobState.QUEUED}'"),
    job_table.c.publish_due_at.is_(None),
    job_table.c.published_level.is_(None),
)
_ANY_UNANNOUNCED = select(job_table.c.id).where(_NOTHING_OUT, _GOING_ON).limit(1)
_UNANNOUNCED = _BY_ID.where(_NOTHING_OUT)
_SENT_BEFORE = _BY_ID.where(
    job_table.c.published_level.is_not(None), job_table.c.published_at < bindparam("before")
)
_EVERYTHING = _BY_ID.where(job_table.c.publish_due_at.is_(None), job_table.c.state.in_(WAITING))
_OUT = select(func.count()).select_from(
    select(job_table.c.published_level)
    .where(job_table.c.published_level.is_not(None), job_table.c.published_at < bindparam("before"))
    .limit(bindparam("at_most"))
    .subquery()
)


class Publisher(Protocol):
    """The sending side of a broker."""

    @property
    def up(self) -> bool:
        """Whether the broker can be reached, as far as is known without trying."""

    @property
    def reason(self) -> str:
        """Why it can't be reached, a sentence."""

    def send(self, messages: Sequence[JobMessage]) -> None:
        """Return once the broker has every note on disk; raise ServiceAway otherwise, when it may have some."""

    def ready(self) -> int:
        """How many messages wait at the broker and are in nobody's hands. Raises ServiceAway."""

    def queue_was_recreated(self) -> bool:
        """Whether the queue had to be made since this was last asked: then nothing that was sent is there."""


class OutboxRelay:
    """Brings notes from the database to the post."""

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
        self._was_dry = False
        self._anew = False
        self._state: BrokerState | None = None
        self._look_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Carry until stopped; wait out a broker or a database that is away."""
        pause = 0.05
        while not stop.is_set():
            try:
                if not self._publisher.up:
                    self._say(BrokerState.UNAVAILABLE, self._publisher.reason)
                carried = self._publisher.up and self._round()
                pause = 0.0 if carried else min(0.5, max(0.05, pause * 1.5))
            except (ServiceAway, StorageError):
                pause = min(5.0, max(0.5, pause * 2))  # whoever is away is announced by its breaker
            stop.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311

    def _round(self) -> bool:
        """Do what is due; returns whether anything was sent."""
        self._anew = self._publisher.queue_was_recreated() or self._anew
        if self._anew:
            self.send_again()
            self._anew = False
        carried = self.carry()
        if not carried:
            self._say(BrokerState.READY, None)
        if (began := time.monotonic()) >= self._look_at:
            self.age()
            self.reconcile()
            took_s = time.monotonic() - began
            self._look_at = began + max(self._reconcile_s, took_s * 50)  # the more there is, the less often
        return carried > 0

    def _say(self, state: BrokerState, reason: str | None) -> None:
        """Announce a state that is not the last one announced. That the broker is ready at first is no change."""
        if state is not self._state and not (self._state is None and state is BrokerState.READY):
            self._announce(BrokerStateChanged(state, reason))
        self._state = state

    def carry(self) -> int:
        """Send one batch of what is due, the most urgent first; returns how many."""
        batch = self._hold()
        if not batch.messages:
            return 0
        try:
            self._publisher.send(batch.messages)
        except ServiceAway:
            with contextlib.suppress(StorageError), self._database.write() as connection:
                held = {"jobs": [message.job for message in batch.messages], "held": batch.until}
                connection.execute(_LET_GO, held | {"now": batch.now})
            raise
        by_level: dict[Level, list[int]] = {}
        for message in batch.messages:
            by_level.setdefault(message.level, []).append(message.job)
        with self._database.write() as connection:
            for level, jobs in by_level.items():
                sent = {"jobs": jobs, "held": batch.until, "now": batch.now, "sent": int(level)}
                connection.execute(_SENT, sent)
        return len(batch.messages)

    def _hold(self) -> _Batch:
        """Choose what is due, and put it off: for as long as it is on its way, nobody else is to send it."""
        with self._database.write() as connection:
            now = clock(connection)
            due = [
                *connection.execute(_DUE, {"now": now, "at_most": BATCH}),
                *connection.execute(_DUE_RETRIES, {"now": now, "at_most": BATCH}),
            ]
            chosen = sorted(due, key=lambda row: row.rank)[:BATCH]
            if chosen:
                held = {"jobs": [row.id for row in chosen], "until": now + HOLD_S}
                connection.execute(_HOLD, held)
        messages = [
            JobMessage(row.id, self._level(row.level, row.rank, now), row.correlation_id) for row in chosen
        ]
        return _Batch(messages, now, now + HOLD_S)

    def age(self) -> int:
        """Owe another, more urgent message to waiting jobs that have aged past their last one's level."""
        with self._database.read() as connection:
            now = clock(connection)
        return sum(
            self._owe(_AGED, _OWE, level=int(level), aged=now + (int(level) - 1) * self._ageing_s)
            for level in (Level.BACKGROUND, Level.LOW, Level.NORMAL)
        )

    def reconcile(self) -> int:
        """Owe again what the broker must have lost, and owe what nobody ever sent; returns how many."""
        ready = self._publisher.ready()
        enough = ready + max(SLACK, ready // 9) + 1
        with self._database.read() as connection:
            before = clock(connection) - self._reconcile_s
            sent = connection.execute(_OUT, {"before": before, "at_most": enough}).scalar_one()
            never = connection.execute(_ANY_UNANNOUNCED).first()
        dry = sent > 0 and ready == 0
        lost = (dry and self._was_dry) or sent == enough
        self._was_dry = dry and not lost
        if lost:
            text = f"the broker has {ready:,} messages where at least {sent:,} jobs wait; sending them again"
            self._announce(Warned(WarningCode.BROKER_LOST_MESSAGES, text))
        owed = self._owe(_UNANNOUNCED, _OWE) if never is not None else 0
        return owed + (self._owe(_SENT_BEFORE, _OWE_LOST, before=before) if lost else 0)

    def send_again(self) -> int:
        """Owe a message to every waiting job: the broker has nothing any more."""
        owed = self._owe(_EVERYTHING, _OWE_LOST)
        if owed:
            self._say(BrokerState.RECONCILING, f"the broker's queue was gone; {owed:,} jobs are sent again")
        return owed

    def _owe(self, chosen: Select[int, Any], owe: Update, **values: float) -> int:
        """Owe a message to all that are chosen, step by step in the order of a key; returns how many."""
        owed, after = 0, -1
        while True:
            with self._database.write() as connection:
                step = chosen.limit(BATCH_JOBS).with_for_update(skip_locked=True)
                rows = connection.execute(step, {"after": after, **values}).all()
                if rows:
                    connection.execute(owe, {"jobs": [row.id for row in rows], "now": clock(connection)})
            owed += len(rows)
            if len(rows) < BATCH_JOBS:
                return owed
            after = rows[-1].key

    def _level(self, level: int, rank: float, now: float) -> Level:
        """The level that a waiting job has aged to; critical is reached by choice alone."""
        if level == Level.CRITICAL:
            return Level.CRITICAL
        aged = -int((now - rank) // self._ageing_s)
        return Level(max(int(Level.HIGH), min(level, aged)))
