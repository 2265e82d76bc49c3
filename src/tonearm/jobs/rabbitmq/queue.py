"""A worker's queue, fed by RabbitMQ: notes come over the link, the books decide what each means."""

from collections.abc import Collection, Sequence

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

    def take(self, unseen: Collection[int], at_most: int) -> Sequence[Lease]:
        while came := self._link.next(at_most):
            announced = {delivery.note.job: delivery.note.level for delivery in came}
            try:
                claimed = self._ledger.claim(announced, self._worker, unseen)
            except BaseException:
                self._link.put_back(came)
                raise
            leases = []
            for delivery in came:
                lease = claimed[delivery.note.job]
                if isinstance(lease, Lease):
                    self._taken[lease.job, lease.attempt] = delivery
                    leases.append(lease)
                else:
                    self._link.acknowledge(delivery)
            if leases:
                return leases
        return []

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
