"""A worker's queue, fed by RabbitMQ: notes come over the link, the books decide what each means."""

from collections.abc import Collection

from tonearm.jobs.job import Lease
from tonearm.jobs.port import Ledger
from tonearm.jobs.rabbitmq.link import Delivery, Link


class RabbitQueue:
    """JobQueue over a link. A delivery is settled once the books have decided, never before."""

    def __init__(self, link: Link, ledger: Ledger, worker: str) -> None:
        self._link = link
        self._ledger = ledger
        self._worker = worker
        self._taken: dict[tuple[int, int], Delivery] = {}

    def take(self, unseen: Collection[int]) -> Lease | None:
        while (delivery := self._link.next()) is not None:
            try:
                note = delivery.note
                lease = self._ledger.claim(note.job, self._worker, unseen, note.level)
            except BaseException:
                self._link.put_back(delivery)
                raise
            if isinstance(lease, Lease):
                self._taken[lease.job, lease.attempt] = delivery
                return lease
            self._link.acknowledge(delivery)
        return None

    def waiting(self, at_most: int) -> int:
        return min(at_most, self._link.arrived())

    def acknowledge(self, lease: Lease) -> None:
        delivery = self._taken.pop((lease.job, lease.attempt), None)
        if delivery is not None:
            self._link.acknowledge(delivery)

    def bury(self, lease: Lease) -> None:
        delivery = self._taken.pop((lease.job, lease.attempt), None)
        if delivery is not None:
            self._link.reject(delivery, requeue=False)

    def close(self) -> None:
        self._link.stop()
