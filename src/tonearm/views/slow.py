"""Where the time of analysis went: by stage, codec and worker over the newest attempts, and the slowest files."""

import math
import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, func, select, tuple_

from tonearm.errors import NotFound
from tonearm.jobs.attempts import Outcome
from tonearm.library.database import Database
from tonearm.library.schema import (
    attempt_table,
    audio_table,
    file_table,
    job_table,
    root_table,
    run_table,
    worker_table,
)
from tonearm.names import path_fields
from tonearm.views.reading import PAGE, reading

NEWEST = 20_000
"""Number of attempts, the newest ones, that shares and means are computed from."""
QUEUE_WAIT = "queue wait"
STORE = "store"
OTHER = "other"
"""What a child had the file for beside the stages that it measured, such as receiving it and sending the result."""
FAILED = "failed attempts"
UNFINISHED = "unfinished attempts"
MEASURED = (Outcome.DONE, Outcome.PARTIAL)
QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class Span:
    """Which attempts are meant: those that ended since a time (seconds since 1970), or at the ended jobs of a run."""

    since: float | None = None
    run: int | None = None


@dataclass(slots=True)
class Spent:
    """Seconds that went into one stage, codec or worker.

    attempts: how many spent time there. audio_s: decoded audio of these. stages: seconds by stage.
    waited_s, stored_s: in the queue before them, and until their results were stored.
    """

    name: str
    attempts: int = 0
    total_s: float = 0.0
    audio_s: float = 0.0
    waited_s: float = 0.0
    stored_s: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    each_s: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, seconds: float, audio_s: float) -> None:
        """Add an attempt."""
        self.attempts += 1
        self.total_s += seconds
        self.audio_s += audio_s
        self.each_s.append(seconds)

    @property
    def mean_s(self) -> float:
        """Mean seconds an attempt."""
        return self.total_s / self.attempts if self.attempts else 0.0

    @property
    def p95_s(self) -> float:
        """Seconds that 95 % of the attempts did not exceed."""
        ordered = sorted(self.each_s)
        return ordered[math.ceil(QUANTILE * len(ordered)) - 1] if ordered else 0.0

    @property
    def times_real_time(self) -> float | None:
        """Seconds of audio a second; ``None`` where nothing was decoded."""
        return self.audio_s / self.total_s if self.total_s and self.audio_s else None

    @property
    def longest_stage(self) -> str | None:
        """The stage that took most of the time."""
        return max(self.stages, key=lambda name: self.stages[name], default=None)


@dataclass(slots=True)
class Usage:
    """Where the time of some attempts went. complete: whether they are all that the span has.

    first_at, last_at: when the first and the last of them ended. work: of all of them, waiting aside.
    """

    attempts: int = 0
    complete: bool = True
    first_at: float | None = None
    last_at: float | None = None
    work: Spent = field(default_factory=lambda: Spent("work"))
    stages: dict[str, Spent] = field(default_factory=dict)
    codecs: dict[str, Spent] = field(default_factory=dict)
    workers: dict[str, Spent] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)

    def add(self, row: Any) -> None:
        """Add an attempt."""
        self.attempts += 1
        self.first_at = row.ended_at if self.first_at is None else min(self.first_at, row.ended_at)
        self.last_at = row.ended_at if self.last_at is None else max(self.last_at, row.ended_at)
        measured = row.outcome in MEASURED
        audio_s = row.decoded_s if measured and row.number == row.attempts else 0.0
        run_s, store_s = row.run_s or 0.0, row.store_s or 0.0
        stages = _stages(row, run_s, measured)
        for name, seconds in ({QUEUE_WAIT: row.queue_wait_s} | stages | {STORE: store_s}).items():
            _entry(self.stages, name).add(seconds, 0.0 if name == QUEUE_WAIT else audio_s)
        self.work.add(run_s + store_s, audio_s)
        for spent in (_entry(self.codecs, row.codec), _entry(self.workers, row.worker)):
            spent.add(run_s + store_s, audio_s)
            spent.waited_s += row.queue_wait_s
            spent.stored_s += store_s
            for name, seconds in stages.items():
                spent.stages[name] = spent.stages.get(name, 0.0) + seconds

    def share(self, spent: Spent) -> float | None:
        """The share of all work, from 0 to 1; ``None`` for waiting, which is none."""
        if spent.name == QUEUE_WAIT or not self.work.total_s:
            return None
        return spent.total_s / self.work.total_s


@dataclass(frozen=True, slots=True)
class SlowAttempt:
    """An attempt that took long. Times in seconds; audio_s: decoded audio, 0 for a failed attempt."""

    path: bytes
    job: int
    attempt: int
    worker: str
    codec: str
    outcome: str
    code: str | None
    ended_at: float
    queue_wait_s: float
    run_s: float
    store_s: float | None
    audio_s: float
    stages: Mapping[str, float]

    @property
    def times_real_time(self) -> float | None:
        """Seconds of audio a second; ``None`` where nothing was decoded."""
        return self.audio_s / self.run_s if self.run_s and self.audio_s else None

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name not in ("path", "stages")}
        return path_fields(self.path) | fields | {"stages": dict(self.stages)}


class SlowWork:
    """What took long in a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def usage(self, span: Span, at_most: int = NEWEST) -> Usage:
        """Where the time of the newest attempts of a span went. Raises NotFound for a run that does not exist."""
        usage = Usage()
        with self._database.read() as connection:
            _check_run(connection, span)
            newest = _newest(span, at_most + 1).execution_options(yield_per=1000)
            with connection.execute(newest) as rows:
                for row in islice(rows, at_most):
                    usage.add(row)
                usage.complete = next(rows, None) is None
            names = select(worker_table.c.name, worker_table.c.host).where(
                worker_table.c.name.in_(usage.workers)
            )
            usage.hosts = {row.name: row.host for row in connection.execute(names)}
        return usage

    def slowest(self, span: Span, limit: int = PAGE) -> list[SlowAttempt]:
        """The attempts of a span that took longest; of a run, the last attempt of each file."""
        with reading(self._database) as connection:
            _check_run(connection, span)
            keys = connection.execute(_slowest(span).limit(limit)).all()
            named = tuple_(attempt_table.c.job_id, attempt_table.c.number).in_([tuple(key) for key in keys])
            slow = _with_files(select(attempt_table).where(named).subquery())
            slow = slow.add_columns(file_table.c.path, root_table.c.path.label("root"))
            slow = slow.join(root_table, root_table.c.id == file_table.c.root_id)
            rows = connection.execute(slow).all()
        return sorted(map(_slow, rows), key=lambda attempt: -attempt.run_s)


def _newest(span: Span, at_most: int) -> Select[*tuple[Any, ...]]:
    """The newest attempts of a span, found by the index of their ends or by that of the ends of a run's jobs."""
    found = select(attempt_table)
    if span.run is None:
        since = [] if span.since is None else [attempt_table.c.ended_at >= span.since]
        found = found.where(*since).order_by(attempt_table.c.ended_at.desc())
    else:
        ended = select(job_table.c.id).where(*_ended_jobs(span)).order_by(job_table.c.finished_at.desc())
        newest = ended.limit(at_most).subquery()
        found = found.join(newest, newest.c.id == attempt_table.c.job_id)
    return _with_files(found.limit(at_most).subquery())


def _with_files(attempts: Subquery) -> Select[*tuple[Any, ...]]:
    """Attempts, the newest first, with what their jobs and files tell."""
    return (
        select(
            attempts,
            job_table.c.attempts,
            job_table.c.decoded_s,
            func.coalesce(audio_table.c.codec, file_table.c.extension).label("codec"),
        )
        .join(job_table, job_table.c.id == attempts.c.job_id)
        .join(file_table, file_table.c.id == job_table.c.file_id)
        .outerjoin(audio_table, audio_table.c.id == file_table.c.audio_id)
        .order_by(attempts.c.ended_at.desc())
    )


def _slowest(span: Span) -> Select[int, int]:
    """Job and number of attempts, the slowest first."""
    if span.run is None:
        since = [] if span.since is None else [attempt_table.c.ended_at >= span.since]
        found = select(attempt_table.c.job_id, attempt_table.c.number)
        return found.where(attempt_table.c.run_s.is_not(None), *since).order_by(attempt_table.c.run_s.desc())
    last = select(job_table.c.id, job_table.c.attempts).where(*_ended_jobs(span), job_table.c.attempts > 0)
    return last.order_by(job_table.c.work_s.desc())


def _ended_jobs(span: Span) -> list[ColumnElement[bool]]:
    since = [] if span.since is None else [job_table.c.finished_at >= span.since]
    return [job_table.c.run_id == span.run, job_table.c.finished_at.is_not(None), *since]


def _check_run(connection: Connection, span: Span) -> None:
    if span.run is not None:
        known = select(run_table.c.id).where(run_table.c.id == span.run)
        if connection.execute(known).first() is None:
            raise NotFound(f"there is no run {span.run}; `tonearm runs` lists them")


def _stages(row: Any, run_s: float, measured: bool) -> dict[str, float]:
    """Seconds by stage, for a child that sent a result; otherwise the whole time under one name."""
    if not measured:
        return {FAILED if row.outcome == Outcome.FAILED else UNFINISHED: run_s}
    return {**row.timings, OTHER: max(0.0, run_s - sum(row.timings.values()))}


def _entry(entries: dict[str, Spent], name: str) -> Spent:
    if name not in entries:
        entries[name] = Spent(name)
    return entries[name]


def longest_first(entries: Iterable[Spent]) -> Sequence[Spent]:
    """Those that took most of the time first."""
    return sorted(entries, key=lambda spent: -spent.total_s)


def _slow(row: Any) -> SlowAttempt:
    return SlowAttempt(
        path=os.path.join(row.root, row.path),
        job=row.job_id,
        attempt=row.number,
        worker=row.worker,
        codec=row.codec,
        outcome=row.outcome,
        code=row.code,
        ended_at=row.ended_at,
        queue_wait_s=row.queue_wait_s,
        run_s=row.run_s or 0.0,
        store_s=row.store_s,
        audio_s=row.decoded_s if row.outcome in MEASURED and row.number == row.attempts else 0.0,
        stages=row.timings,
    )
