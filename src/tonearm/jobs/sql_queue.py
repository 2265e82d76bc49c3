"""The jobs table itself as the queue: no broker, one row after the other in the order of their rank."""

from collections.abc import Collection, Sequence

from tonearm.jobs.job import Lease, Unseen
from tonearm.jobs.sql import SqlLedger


class SqlQueue:
    """JobQueue on the jobs table, of one run or of all. The row is the message, so nothing need be acknowledged."""

    def __init__(self, ledger: SqlLedger, worker: str, run: int | None) -> None:
        self._ledger = ledger
        self._worker = worker
        self._run = run

    def take(self, unseen: Collection[Unseen], at_most: int) -> Sequence[Lease]:
        return self._ledger.take(self._worker, self._run, unseen, at_most)

    def waiting(self, unseen: Collection[Unseen], at_most: int) -> int:
        return self._ledger.waiting(self._run, at_most, unseen)

    def acknowledge(self, lease: Lease) -> None:
        """The row says it all."""

    def bury(self, lease: Lease) -> None:
        """A quarantined job is its own record."""

    def close(self) -> None:
        """Nothing is held."""
