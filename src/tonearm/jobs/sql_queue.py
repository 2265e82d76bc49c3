"""The jobs table as the queue where there is no broker."""

from collections.abc import Collection, Sequence

from tonearm.jobs.job import UnmountedPlace
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import AttemptOutcome, Result
from tonearm.jobs.sql_job_store import SqlJobStore


class SqlQueue:
    """JobQueue on the jobs table, of one run or of all. There are no messages, and nothing to acknowledge."""

    def __init__(self, job_store: SqlJobStore, worker: str, run: int | None) -> None:
        self._job_store = job_store
        self._worker = worker
        self._run = run

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:
        return self._job_store.take(self._worker, self._run, unmounted, at_most)

    def finish_and_take(
        self,
        finished: Sequence[tuple[Lease, Result]],
        unmounted: Collection[UnmountedPlace],
        at_most: int,
    ) -> tuple[Sequence[AttemptOutcome | None], Sequence[Lease]]:
        return self._job_store.finish_and_take(finished, self._worker, self._run, unmounted, at_most)

    def count_waiting(self, unmounted: Collection[UnmountedPlace], at_most: int) -> int:
        return self._job_store.count_waiting(self._run, at_most, unmounted)

    def acknowledge(self, lease: Lease) -> None:
        """Does nothing: the state of the job is in its row."""

    def dead_letter(self, lease: Lease) -> None:
        """Does nothing: the state of the job is in its row."""

    def rest(self) -> None:
        """Does nothing: no messages were received in advance."""

    def close(self) -> None:
        """Does nothing: no messages were received in advance."""
