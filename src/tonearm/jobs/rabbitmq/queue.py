"""A worker's queue, fed by RabbitMQ: notes come over the link, the books decide what each means."""

from collections.abc import Collection, Sequence

from tonearm.jobs.job import Lease, UnmountedPlace
from tonearm.jobs.port import JobQueue, JobStore
from tonearm.jobs.rabbitmq.receiver import Delivery, Receiver


class RabbitQueue:
    """JobQueue over a link's receiver. A delivery is settled once the books have decided, never before.

    Notes are asked for with the first wish for a job, so that nobody holds what he is not ready to work on. A worker
    that can't see some places takes from ``aside``, the jobs table: the broker does not know which notes are for it,
    and it would be handed the same ones again and again, before those who could work on them.
    """

    def __init__(self, receiver: Receiver, job_store: JobStore, worker: str, aside: JobQueue) -> None:
        self._receiver = receiver
        self._job_store = job_store
        self._worker = worker
        self._aside = aside
        self._closed = False
        self._taken: dict[tuple[int, int], Delivery] = {}

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:
        if self._closed:
            return []
        if unmounted:
            self._receiver.rest()
            return self._aside.take(unmounted, at_most)
        self._receiver.want()
        while came := self._receiver.next(at_most):
            if leases := self._claimed(came):
                return leases
        return []

    def _claimed(self, came: Sequence[Delivery]) -> list[Lease]:
        """What the books make of some notes."""
        announced = {delivery.message.job: delivery.message.level for delivery in came}
        try:
            claimed = self._job_store.claim(announced, self._worker)
        except BaseException:
            self._receiver.put_back(came)
            raise
        leases = []
        for delivery in came:
            lease = claimed[delivery.message.job]
            if isinstance(lease, Lease):
                self._taken[lease.job, lease.attempt] = delivery
                leases.append(lease)
            else:
                self._receiver.acknowledge(delivery)
        return leases

    def waiting(self, unmounted: Collection[UnmountedPlace], at_most: int) -> int:
        if self._closed:
            return 0
        if unmounted:
            return self._aside.waiting(unmounted, at_most)
        self._receiver.want()
        return min(at_most, self._receiver.arrived())

    def acknowledge(self, lease: Lease) -> None:
        delivery = self._taken.pop((lease.job, lease.attempt), None)
        if delivery is not None:
            self._receiver.acknowledge(delivery)

    def bury(self, lease: Lease) -> None:
        delivery = self._taken.pop((lease.job, lease.attempt), None)
        if delivery is not None:
            self._receiver.reject(delivery, requeue=False)

    def close(self) -> None:
        self._closed = True
        self._receiver.rest()
