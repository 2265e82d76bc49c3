"""The work of `tonearm worker`: jobs of all runs, until it is stopped or drained."""

import contextlib
import time

from tonearm.errors import StorageError
from tonearm.events.event import Announce
from tonearm.events.facts import WorkerStateChanged
from tonearm.events.states import WorkerState
from tonearm.jobs.runs import Runs
from tonearm.worker.supervisor import Supervisor
from tonearm.worker.task import Task

CLOSE_RUNS_S = 5.0


def work_until_stopped(
    supervisor: Supervisor,
    runs: Runs,
    announce: Announce,
    worker: str,
    slots: int,
    close_runs_s: float = CLOSE_RUNS_S,
) -> None:
    """Work until stopped or drained. Closes runs without open jobs every ``close_runs_s``."""
    closed_at = 0.0

    def close_ended_runs() -> None:
        nonlocal closed_at
        if time.monotonic() - closed_at > close_runs_s:
            closed_at = time.monotonic()
            with contextlib.suppress(StorageError):
                runs.close_ended()

    text = f"{worker} takes jobs, {slots} at a time"
    announce(WorkerStateChanged(worker, WorkerState.WORKING, text))
    supervisor.work(Task(None, lambda _: False, close_ended_runs))
    announce(WorkerStateChanged(worker, WorkerState.ENDED, f"{worker} has no job any more"))
