"""How the work on a run is shared: one process alone with its library, or several with one database."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tonearm.events.states import RunState
from tonearm.jobs.job import UnmountedPlace
from tonearm.jobs.runs import Runs
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.progress.live import LiveView
from tonearm.worker.supervisor import Supervisor


class Coordination(Protocol):
    """What differs between a library of one process and one that several share."""

    def prepare(self) -> None:
        """Clean up after processes that ended without doing so; before a run is opened."""

    def supervisor(self, run: int) -> Supervisor:
        """What works on the jobs of a run."""

    def is_over(self, run: int, unmounted: frozenset[UnmountedPlace]) -> bool:
        """Whether no job of the run is left that this call waits for. ``unmounted``: what is not mounted here."""

    def follow(self, run: int) -> None:
        """Announce what other workers have done in the run since the last call."""

    def close(self, run: int, finished: bool) -> None:
        """End the run, or leave it to those who go on with it. ``finished``: nothing is left to be done."""

    def decoded_s(self, run: int) -> float:
        """Seconds of audio that were decoded for the run, by whichever worker."""


@dataclass(frozen=True, slots=True)
class EmbeddedRun:
    """This process alone works on the library, whose lock it holds."""

    job_store: SqlJobStore
    runs: Runs
    view: LiveView
    make_supervisor: Callable[[int], Supervisor]

    def prepare(self) -> None:
        self.job_store.recover_worker(None)
        self.runs.close_abandoned()

    def supervisor(self, run: int) -> Supervisor:
        return self.make_supervisor(run)

    def is_over(self, run: int, unmounted: frozenset[UnmountedPlace]) -> bool:
        return not self.job_store.open_jobs(run, unmounted)

    def follow(self, run: int) -> None:
        """There are no other workers."""

    def close(self, run: int, finished: bool) -> None:
        self.runs.close(run, RunState.FINISHED if finished else RunState.INTERRUPTED)

    def decoded_s(self, run: int) -> float:  # noqa: ARG002  the view has seen one run only
        return self.view.decoded_s


@dataclass(frozen=True, slots=True)
class SharedRun:
    """Several workers share the library: they go on with the run when this process is stopped.

    A place that is not mounted here may be mounted for another worker, so its jobs are waited for.
    """

    job_store: SqlJobStore
    runs: Runs
    make_supervisor: Callable[[], Supervisor]
    announce_others: Callable[[int], None]

    def prepare(self) -> None:
        """Every worker takes back the jobs of lost ones while it works."""

    def supervisor(self, run: int) -> Supervisor:  # noqa: ARG002  a worker takes jobs of all runs
        return self.make_supervisor()

    def is_over(self, run: int, unmounted: frozenset[UnmountedPlace]) -> bool:  # noqa: ARG002  see above
        return not self.job_store.open_jobs(run)

    def follow(self, run: int) -> None:
        self.announce_others(run)

    def close(self, run: int, finished: bool) -> None:  # noqa: ARG002  the run ends with its last job
        self.runs.close_ended()

    def decoded_s(self, run: int) -> float:
        return self.runs.decoded_s(run)
