"""How processes work on a run: one process alone with its library, or several workers with one database."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tonearm.events.event import Announce
from tonearm.events.states import RunState
from tonearm.jobs.job import UnmountedPlace
from tonearm.jobs.runs import Runs
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.progress.live import LiveView
from tonearm.worker.attempt_recorder import announce_interrupted
from tonearm.worker.supervisor import Supervisor


class Coordination(Protocol):
    """What differs between a library of one process and one that several share."""

    def prepare(self) -> None:
        """Recover jobs and close runs of processes that were killed; called before a run is opened."""

    def supervisor(self, run: int) -> Supervisor:
        """The supervisor for the jobs of a run."""

    def is_over(self, run: int, unmounted: frozenset[UnmountedPlace]) -> bool:
        """Whether the run has no open job that this call waits for. ``unmounted``: places not mounted on this host."""

    def follow(self, run: int) -> None:
        """Announce what other workers have done in the run since the last call."""

    def close(self, run: int, finished: bool) -> None:
        """Close the run, or leave it open for other workers. ``finished``: whether it has no open job."""

    def decoded_s(self, run: int) -> float:
        """Seconds of audio that all workers decoded for the run."""


def take_over(job_store: SqlJobStore, runs: Runs, announce: Announce) -> None:
    """Recover the jobs, and close the runs, of processes that have ended; by the holder of the library's lock."""
    announce_interrupted(job_store.recover_worker(None), announce)
    runs.close_abandoned()


@dataclass(frozen=True, slots=True)
class EmbeddedRun:
    """The only process that works on the library, and holds its lock."""

    job_store: SqlJobStore
    runs: Runs
    view: LiveView
    make_supervisor: Callable[[int], Supervisor]
    announce: Announce

    def prepare(self) -> None:
        take_over(self.job_store, self.runs, self.announce)

    def supervisor(self, run: int) -> Supervisor:
        return self.make_supervisor(run)

    def is_over(self, run: int, unmounted: frozenset[UnmountedPlace]) -> bool:
        return not self.job_store.open_jobs(run, unmounted)

    def follow(self, run: int) -> None:
        """Does nothing, as there are no other workers."""

    def close(self, run: int, finished: bool) -> None:
        self.runs.close(run, RunState.FINISHED if finished else RunState.INTERRUPTED)

    def decoded_s(self, run: int) -> float:  # noqa: ARG002  the view has seen one run only
        return self.view.decoded_s


@dataclass(frozen=True, slots=True)
class SharedRun:
    """One of several workers of a library; the others continue the run when this process is stopped.

    This call also waits for the jobs of places that are not mounted here, as they may be mounted on another host.
    """

    job_store: SqlJobStore
    runs: Runs
    make_supervisor: Callable[[], Supervisor]
    announce_others: Callable[[int], None]

    def prepare(self) -> None:
        """Does nothing, as every worker recovers the jobs of lost workers in its maintenance."""

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
