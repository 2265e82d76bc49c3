"""A worker's queue on RabbitMQ: messages name jobs, and the database decides which worker gets each job."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tonearm.jobs.job import ClaimRefusal, UnmountedPlace
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import AttemptOutcome, JobClaims, JobQueue, Result
from tonearm.jobs.rabbitmq.receiver import Delivery, Receiver
from tonearm.settings import Level


class RabbitQueue:
    """JobQueue over a receiver. A message is acknowledged after the end of the attempt is stored in the database.

    Consuming starts with the first call of ``take``, so that no worker receives messages before it is ready. A worker
    on whose host some places are not mounted takes jobs from ``fallback``, the jobs table: the broker does not know
    which jobs the worker can do, and would deliver messages of the others repeatedly.
    """

    def __init__(self, receiver: Receiver, job_store: JobClaims, worker: str, fallback: JobQueue) -> None:
        self._receiver = receiver
        self._job_store = job_store
        self._worker = worker
        self._fallback = fallback
        self._closed = False
        self._taken: dict[tuple[int, int], Delivery] = {}

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:
        if self._closed:
            return []
        if unmounted:
            self._receiver.pause()
            return self._fallback.take(unmounted, at_most)
        self._receiver.resume()
        while deliveries := self._receiver.next(at_most):
            if leases := self._claimed(deliveries):
                return leases
        return []

    def finish_and_take(
        self,
        finished: Sequence[tuple[Lease, Result]],
        unmounted: Collection[UnmountedPlace],
        at_most: int,
    ) -> tuple[Sequence[AttemptOutcome | None], Sequence[Lease]]:
        if unmounted and not self._closed:
            self._receiver.pause()
            return self._fallback.finish_and_take(finished, unmounted, at_most)
        deliveries = [] if self._closed else self._receiver.next(at_most)
        with self._kept_on_failure(deliveries):
            outcomes, claimed = self._job_store.finish_and_claim(finished, _levels(deliveries), self._worker)
        self._receiver.keep([one for one in deliveries if one.message.job not in claimed])
        return outcomes, self._leases(deliveries, claimed)

    def _claimed(self, deliveries: Sequence[Delivery]) -> list[Lease]:
        """Claim the jobs of messages; returns the leases, and acknowledges the messages of jobs that can't be taken."""
        with self._kept_on_failure(deliveries):
            claimed = self._job_store.claim(_levels(deliveries), self._worker)
        return self._leases(deliveries, claimed)

    @contextmanager
    def _kept_on_failure(self, deliveries: Sequence[Delivery]) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._receiver.keep(deliveries)
            raise

    def _leases(
        self, deliveries: Sequence[Delivery], claimed: Mapping[int, Lease | ClaimRefusal]
    ) -> list[Lease]:
        """The leases among the answers; acknowledges the messages of jobs that can't be taken."""
        leases = []
        for delivery in deliveries:
            lease = claimed.get(delivery.message.job)
            if isinstance(lease, Lease):
                self._taken[lease.job, lease.attempt] = delivery
                context = delivery.message.context
                leases.append(lease if context is None else replace(lease, traceparent=str(context)))
            elif lease is not None:
                self._receiver.acknowledge(delivery)
        return leases

    def count_waiting(self, unmounted: Collection[UnmountedPlace], at_most: int) -> int:
        if self._closed:
            return 0
        if unmounted:
            return self._fallback.count_waiting(unmounted, at_most)
        self._receiver.resume()
        return min(at_most, self._receiver.arrived())

    def acknowledge(self, lease: Lease) -> None:
        delivery = self._taken.pop((lease.job, lease.attempt), None)
        if delivery is not None:
            self._receiver.acknowledge(delivery)

    def dead_letter(self, lease: Lease) -> None:
        delivery = self._taken.pop((lease.job, lease.attempt), None)
        if delivery is not None:
            self._receiver.reject(delivery, requeue=False)

    def rest(self) -> None:
        self._receiver.pause()

    def close(self) -> None:
        self._closed = True
        self._receiver.pause()


def _levels(deliveries: Sequence[Delivery]) -> dict[int, Level | None]:
    return {delivery.message.job: delivery.message.level for delivery in deliveries}
