"""The jobs table itself as the queue: no broker, one row after the other in the order of their rank."""

from collections.abc import Collection, Sequence

from tonearm.jobs.job import Lease, UnmountedPlace
from tonearm.jobs.sql_job_store import SqlJobStore


class SqlQueue:
    """JobQueue on the jobs table, of one run or of all. The row is the message, so nothing need be acknowledged."""

    def __init__(self, job_store: SqlJobStore, worker: str, run: int | None) -> None:
        self._job_store = job_store
        self._worker = worker
        self._run = run

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:
        return self._job_store.take(self._worker, self._run, unmounted, at_most)

    def waiting(self, unmounted: Collection[UnmountedPlace], at_most: int) -> int:
        return self._job_store.waiting(self._run, at_most, unmounted)

    def acknowledge(self, lease: Lease) -> None:
        """The row says it all."""

    def bury(self, lease: Lease) -> None:
        """A quarantined job is its own record."""

    def close(self) -> None:
        """Nothing is held."""
