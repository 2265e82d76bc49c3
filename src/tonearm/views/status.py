"""The overall state of a library: its files, the queued and running jobs, the runs and the workers."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tonearm.jobs import queue_depth, run_paths
from tonearm.jobs.job import Depth, JobState
from tonearm.jobs.job_sql import Versions
from tonearm.library.database import Database
from tonearm.names import path_fields, paths_fields
from tonearm.views.liveness import INTERRUPTED, Liveness, read_liveness, sole_process
from tonearm.views.runs import RunList, RunView
from tonearm.views.stale import Coverage, read_stale
from tonearm.views.totals import Totals, read_totals
from tonearm.views.workers import RestView, WorkerList, WorkerView

if TYPE_CHECKING:
    from tonearm.views.jobs import JobView

SHOWN_RUNNING = 100
SHOWN_RUNS = 5


@dataclass(frozen=True, slots=True)
class StatusView:
    """A library at one moment.

    address: of the database. running: jobs that are being analysed by a process that is alive.
    coverage: how many files have stale results.
    cancelled: how many files are not analysed because a run was cancelled, and the roots where they are.
    interrupted: number of jobs that were being analysed by a process that has ended.
    process: id of the process that is analysing; ``None`` in a shared library. analysing: whether any process takes
    jobs. latest_run: the number of the last run. runs: those that have not ended.
    rest: where every process that takes jobs rests, the rest that ends first.
    unsent: number of waiting jobs whose message is still to be sent.
    ``unsent`` and ``workers`` are ``None`` in a library that is not shared.
    """

    address: str
    totals: Totals
    coverage: Coverage
    depth: Depth
    running: "tuple[JobView, ...]"
    cancelled: tuple[int, Sequence[bytes]]
    interrupted: int
    process: int | None
    analysing: bool
    latest_run: int | None
    runs: tuple[RunView, ...]
    unsent: int | None
    workers: tuple[WorkerView, ...] | None
    rest: RestView | None

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        found: dict[str, Any] = {
            "library": self.address,
            "files": self.totals.files,
            "duration_s": self.totals.duration_s,
            "states": dict(self.totals.states),
            "stale_files": self.coverage.files,
            "stale": [one.to_json() for one in self.coverage.results],
            "queued": self.depth.queued,
            "retrying": self.depth.retrying,
            "running": [_running(job) for job in self.running],
            "cancelled": {"files": self.cancelled[0], **paths_fields(self.cancelled[1])},
            "interrupted": self.interrupted,
            "process": self.process,
            "analysing": self.analysing,
            "rest": None if self.rest is None else dataclasses.asdict(self.rest),
            "run": self.latest_run,
            "runs": [run.to_json() for run in self.runs],
        }
        if self.workers is not None:
            found |= {"unsent": self.unsent, "workers": [worker.to_json() for worker in self.workers]}
        return found


def read_status(database: Database, versions: Versions, unavailable: Collection[str] = ()) -> StatusView:
    """Read the state of a library.

    versions: the present ones of the analysers. unavailable: the servers that can't be used now, as far as is known.
    """
    alive = read_liveness(database)
    alive = dataclasses.replace(alive, refused=alive.refused.union(unavailable))
    totals = read_totals(database)
    with database.read() as connection:
        depth = queue_depth.depth(connection, None)
        has_no_job = totals.states.get("waiting", 0) > depth.open
        cancelled = run_paths.of_cancelled_runs(connection) if has_no_job else (0, [])
        unsent = queue_depth.count_unsent(connection) if database.shared else None
    jobs = _running_jobs(database, alive) if depth.running else []
    runs = RunList(database).latest(SHOWN_RUNS)
    return StatusView(
        address=database.address,
        totals=totals,
        coverage=read_stale(database, versions),
        depth=depth,
        running=tuple(job for job in jobs if job.state == JobState.RUNNING),
        cancelled=cancelled,
        interrupted=sum(job.state == INTERRUPTED for job in jobs),
        process=sole_process(database),
        analysing=alive.analysing,
        latest_run=runs[0].id if runs else None,
        runs=_open_runs(database, alive, runs),
        unsent=unsent,
        workers=tuple(WorkerList(database).each()) if database.shared else None,
        rest=alive.rest,
    )


def _running_jobs(database: Database, alive: Liveness) -> "list[JobView]":
    from tonearm.views.jobs import JobList  # not needed without a running job

    return [alive.job(job) for job in JobList(database).first((JobState.RUNNING,), None, None, SHOWN_RUNNING)]


def _open_runs(database: Database, alive: Liveness, runs: Sequence[RunView]) -> tuple[RunView, ...]:
    is_open = [alive.run(run) for run in runs if run.finished_at is None]
    if not is_open:
        return ()
    from tonearm.views.outlook import with_outlooks  # not needed without an open run

    return tuple(with_outlooks(database, alive, is_open))


def _running(job: "JobView") -> Mapping[str, Any]:
    return path_fields(job.path) | {"stage": job.stage, "job": job.id, "worker": job.worker}
