"""What a library's workers do at one moment: the queue, the runs, the workers and their files, rates, failures."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select

from tonearm.events.states import RunState
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import clock
from tonearm.library.database import Database
from tonearm.library.schema import job_table
from tonearm.names import from_document, path_fields
from tonearm.progress.port import RunningFile
from tonearm.settings import Level
from tonearm.views.failures import FailedFile, FailureList
from tonearm.views.floored import floored
from tonearm.views.jobs import JobList, JobView
from tonearm.views.liveness import Liveness, read_liveness, sole_process
from tonearm.views.outlook import with_outlooks
from tonearm.views.queue_figures import Figures, read_figures
from tonearm.views.runs import RunList, RunView
from tonearm.views.workers import RestView, WorkerList, WorkerView

WINDOWS_S = (60, 300, 900)
"""Spans in seconds over which rates are computed, up to now."""
SPAN_S = 30
"""Seconds of one figure of the history; the windows are multiples of it."""
DRAIN_WINDOW_S = 300
LEAST_WINDOW_S = 10.0
"""A run that is younger has no rate yet."""
SHOWN_RUNS = 10
SHOWN_FILES = 500
SHOWN_FAILURES = 20
_ENDED = (JobState.DONE, JobState.PARTIAL, JobState.QUARANTINED)


@dataclass(frozen=True, slots=True)
class WorkingFile:
    """A file that a child has. ``for_s``: for how long; ``fraction``: share of the audio that is decoded, if known."""

    worker: str
    job: int
    path: bytes
    stage: str
    fraction: float | None
    for_s: float

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return path_fields(self.path) | {
            name: getattr(self, name) for name in self.__slots__ if name != "path"
        }


@dataclass(frozen=True, slots=True)
class Rate:
    """What ended within a span: files, failed ones among them, and seconds of decoded audio; each a second."""

    files: float
    failed: float
    audio_s: float


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A server, disk or folder as a process finds it, and since when. state: up, slow, unavailable, or wrong.

    reason, advice: what is wrong with it, and what to do about that; ``None`` where nothing is.
    """

    service: str
    state: str
    since: float
    reason: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """A library at one moment.

    at: by the database's clock. process: id of the process that is analysing; ``None`` in a shared library.
    runs: those that have not ended. rates: by span in seconds. history: the rates of the spans of ``SPAN_S`` up to
    now, the latest last. failures: the latest ones. rest: where every process that takes jobs rests, the rest that ends
    first. services: what the reading process depends on, if it watches that.
    """

    at: float
    address: str
    shared: bool
    process: int | None
    analysing: bool
    figures: Figures
    runs: tuple[RunView, ...]
    workers: tuple[WorkerView, ...]
    files: tuple[WorkingFile, ...]
    rates: Mapping[int, Rate]
    history: tuple[Rate, ...]
    failures: tuple[FailedFile, ...]
    rest: RestView | None = None
    services: tuple[ServiceState, ...] = ()

    def waiting(self, level: str) -> int:
        """Number of jobs of a level that can be taken, now or after their back-off."""
        return self.figures.jobs[level, JobState.QUEUED] + self.figures.jobs[level, JobState.RETRYING]

    def drain_s(self) -> dict[str, float | None]:
        """By level, in how many seconds no job of it will be left, if nothing is added and the pace stays as it is.

        More urgent levels are taken first. ``None``: nothing ends now.
        """
        pace = self._pace()
        left, found = 0, dict[str, float | None]()
        for level in Level:
            left += self.waiting(level.label) + self.figures.jobs[level.label, JobState.RUNNING]
            found[level.label] = left / pace if pace else None
        return found

    def _pace(self) -> float:
        """Files a second in the last minutes, or since the oldest open run began."""
        since = min((run.started_at for run in self.runs), default=0.0)
        span_s = min(float(DRAIN_WINDOW_S), max(self.at - since, LEAST_WINDOW_S))
        return self.rates[DRAIN_WINDOW_S].files * DRAIN_WINDOW_S / span_s if self.analysing else 0.0

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        drain_s = self.drain_s()
        return {
            "at": self.at,
            "library": self.address,
            "process": self.process,
            "analysing": self.analysing,
            "rest": None if self.rest is None else dataclasses.asdict(self.rest),
            "queue": [
                {
                    "level": level.label,
                    **{state: self.figures.jobs[level.label, state] for state in _queue_states(self.figures)},
                    "oldest_s": self.figures.oldest_s[level.label],
                    "drain_s": drain_s[level.label],
                }
                for level in Level
            ],
            "unsent": self.figures.outbox,
            "runs": [run.to_json() for run in self.runs],
            "workers": [worker.to_json() for worker in self.workers],
            "running": [file.to_json() for file in self.files],
            "rates": [
                {
                    "window_s": window_s,
                    "files_per_s": rate.files,
                    "failed_per_s": rate.failed,
                    "times_real_time": rate.audio_s,
                }
                for window_s, rate in self.rates.items()
            ],
            "history": {"span_s": SPAN_S, "files": [round(rate.files * SPAN_S) for rate in self.history]},
            "failures": [failure.to_json() for failure in self.failures],
            "services": [dataclasses.asdict(service) for service in self.services],
        }


def read_activity(database: Database, reported: Sequence[RunningFile] | None) -> Activity:
    """Read what goes on. ``reported``: running files as the live view has them; ``None``: read the database's.

    Raises:
        StorageError: the database can't be asked now.
    """
    alive = read_liveness(database)
    with database.read() as connection:
        now = clock(connection)
        figures = read_figures(connection)
        history = _history(connection, now)
    workers = tuple(WorkerList(database).page()) if database.shared else ()
    runs = [alive.run(run) for run in RunList(database).latest(SHOWN_RUNS) if run.finished_at is None]
    return Activity(
        at=now,
        address=database.address,
        shared=database.shared,
        process=sole_process(database),
        analysing=alive.analysing,
        rest=alive.rest,
        figures=figures,
        runs=tuple(with_outlooks(database, alive, runs)),
        workers=workers,
        files=tuple(_files(database, alive, workers, reported, now)),
        rates={window_s: _mean(history[-window_s // SPAN_S :]) for window_s in WINDOWS_S},
        history=history,
        failures=tuple(FailureList(database).latest(SHOWN_FAILURES)),
    )


def _history(connection: Connection, now: float) -> tuple[Rate, ...]:
    ended, spans = job_table.c.finished_at, max(WINDOWS_S) // SPAN_S
    ago = floored((now - ended) / SPAN_S)
    failed = func.sum(case((job_table.c.state == JobState.QUARANTINED, 1), else_=0))
    counted = (
        select(ago, func.count(), failed, func.sum(job_table.c.decoded_s))
        .where(ended >= now - spans * SPAN_S, job_table.c.state.in_(_ENDED))
        .group_by(ago)
    )
    found = [Rate(0.0, 0.0, 0.0)] * spans
    for span, *numbers in connection.execute(counted):
        place = -1 - min(max(span, 0), spans - 1)  # what ended after ``now`` counts as of now
        more = Rate(*((value or 0) / SPAN_S for value in numbers))
        found[place] = Rate(
            found[place].files + more.files,
            found[place].failed + more.failed,
            found[place].audio_s + more.audio_s,
        )
    return tuple(found)


def _mean(rates: Sequence[Rate]) -> Rate:
    return Rate(*(math.fsum(getattr(rate, name) for rate in rates) / len(rates) for name in Rate.__slots__))


def _files(
    database: Database,
    alive: Liveness,
    workers: Sequence[WorkerView],
    reported: Sequence[RunningFile] | None,
    now: float,
) -> Iterator[WorkingFile]:
    """The files that children have: as the live view has them, else from heartbeats, else from the jobs."""
    if reported is not None:
        for file in reported:
            yield WorkingFile(file.worker, file.job, file.path, file.stage, file.fraction, file.since_s)
    elif database.shared:
        for worker in workers:
            for running in worker.running:
                path = from_document(running["path"])
                for_s = running["for_s"] + worker.seen_s_ago
                yield WorkingFile(worker.name, running["job"], path, running["stage"], None, for_s)
    else:
        for job in JobList(database).first((JobState.RUNNING,), None, None, SHOWN_FILES):
            if alive.is_alive(job.worker):
                yield _of_job(job, now)


def _of_job(job: JobView, now: float) -> WorkingFile:
    for_s = max(0.0, now - (job.started_at or now))
    return WorkingFile(job.worker or "", job.id, job.path, job.stage or "", None, for_s)


def _queue_states(figures: Figures) -> list[str]:
    return list(dict.fromkeys(state for _, state in figures.jobs))


def paused(runs: Sequence[RunView]) -> list[int]:
    """The numbers of the runs that can be resumed."""
    return [run.id for run in runs if run.state == RunState.PAUSED]


def pausable(runs: Sequence[RunView]) -> list[int]:
    """The numbers of the runs that can be paused."""
    return [run.id for run in runs if run.state not in (RunState.PAUSED, RunState.CANCELLED)]
