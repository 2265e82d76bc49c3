"""Libraries with workers' queues: on the jobs table alone, or with RabbitMQ."""

import threading
import time

from tests.contracts.broker import Broker
from tests.program import within
from tests.unit.library_fixture import AGEING_S, Library, take_from
from tonearm.events.event import Event
from tonearm.jobs.job import UnmountedPlace
from tonearm.jobs.lease import Lease
from tonearm.jobs.outbox_relay import OutboxRelay
from tonearm.jobs.port import JobQueue
from tonearm.jobs.rabbitmq.connection import BrokerConnection
from tonearm.jobs.rabbitmq.queue import RabbitQueue
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.jobs.sql_queue import SqlQueue
from tonearm.jobs.trace_context import Sampler
from tonearm.resilience.gate import Gate, Unguarded

RECONCILE_S = 0.5
PATIENCE_S = 90.0
QUIET_S = 0.3


class QueueSetup:
    """The jobs table as the queue."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.queues: list[JobQueue] = []

    def queue(self, worker: str, slots: int = 1) -> JobQueue:  # noqa: ARG002  the broker's setup needs it
        """The queue of a worker; ``slots``: maximum number of files that it analyses at the same time."""
        self.queues.append(SqlQueue(self.library.job_store, worker, None))
        return self.queues[-1]

    def announced(self) -> None:
        """Wait until everything that waits now is known to the queue."""

    def calm(self, queue: JobQueue) -> None:
        """Wait until a queue has been handed what it is to have before it takes."""

    def take(
        self, queue: JobQueue, unmounted: frozenset[UnmountedPlace] = frozenset(), in_order: bool = False
    ) -> Lease:
        """The next job, which must come. ``in_order``: let the queue first be handed what is more urgent."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if in_order:
                self.calm(queue)
            if (lease := take_from(queue, unmounted)) is not None:
                return lease
            time.sleep(0.01)
        messages = "SELECT state, publish_due_at IS NULL AS published, count(*) FROM jobs GROUP BY 1, 2"
        raise AssertionError(f"no job came: {self.library.rows(messages)}")

    def nothing(self, *queues: JobQueue, unmounted: frozenset[UnmountedPlace] = frozenset()) -> bool:
        """Whether there is nothing to take for a while."""
        until = time.monotonic() + QUIET_S
        while time.monotonic() < until:
            if any(take_from(queue, unmounted) is not None for queue in queues):
                return False
            time.sleep(0.02)
        return True

    def hang_up(self, queue: JobQueue) -> None:
        """End a queue with the process that had it."""
        queue.close()

    def dead(self) -> int | None:
        """How many messages are among the dead letters; ``None`` where there are no messages."""
        return None

    def close(self) -> None:
        """End every queue."""
        for queue in self.queues:
            queue.close()


class RabbitSetup(QueueSetup):
    """A queue on RabbitMQ, with an outbox relay in every process."""

    def __init__(
        self,
        library: Library,
        url: str,
        topology: Topology,
        ageing_s: float = AGEING_S,
        gate: Gate | None = None,
        there: bool = True,
        timeout_s: float = 5.0,
    ) -> None:
        """``there``: the broker can be reached from the beginning."""
        super().__init__(library)
        self.url = url
        self.topology = topology
        self.gate = gate or Unguarded()
        self.there = there
        self.timeout_s = timeout_s
        self.events: list[Event] = []
        self.links: list[BrokerConnection] = []
        self._links_of: dict[int, BrokerConnection] = {}
        self.relays: list[threading.Thread] = []
        self._ageing_s = ageing_s
        self._ending = threading.Event()
        self.sender = self.link(0)
        self.carry(self.sender)

    def link(self, slots: int) -> BrokerConnection:
        """Another connection, which is up."""
        link = BrokerConnection(self.url, self.topology, self.gate, slots, lambda: None, self.timeout_s)
        self.links.append(link)
        link.start()
        assert not self.there or within(PATIENCE_S, lambda: link.connected)
        return link

    def queue(self, worker: str, slots: int = 1) -> JobQueue:
        link = self.link(slots)
        self.carry(link)
        aside = SqlQueue(self.library.job_store, worker, None)
        self.queues.append(RabbitQueue(link.receiver, self.library.job_store, worker, aside))
        self._links_of[id(self.queues[-1])] = link
        return self.queues[-1]

    def hang_up(self, queue: JobQueue) -> None:
        self._links_of[id(queue)].stop()

    def relay(self, link: BrokerConnection, sampler: Sampler | None = None) -> OutboxRelay:
        """An outbox relay that publishes through a connection."""
        return OutboxRelay(
            self.library.database, link.publisher, self._ageing_s, RECONCILE_S, self.events.append, sampler
        )

    def carry(self, link: BrokerConnection) -> None:
        """Start an outbox relay, as every process does."""
        relay = self.relay(link)
        self.relays.append(threading.Thread(target=relay.run, args=(self._ending,), daemon=True))
        self.relays[-1].start()

    def stop_relays(self) -> None:
        """End what carries by itself."""
        self._ending.set()
        for thread in self.relays:
            thread.join(PATIENCE_S)
        self._ending = threading.Event()

    def announced(self) -> None:
        unsent = (
            "SELECT count(*) AS jobs FROM jobs JOIN runs ON runs.id = run_id "
            "WHERE jobs.state IN ('queued', 'retrying') AND publish_due_at IS NOT NULL"
        )
        assert within(PATIENCE_S, lambda: self.library.rows(unsent)[0]["jobs"] == 0)

    def calm(self, queue: JobQueue) -> None:
        """Nothing moves for many times as long as the broker takes to answer, however busy the machine is."""
        before, since = (-1, -1), time.monotonic()
        with Broker(self.url) as broker:
            while True:
                began = time.monotonic()
                now = queue.count_waiting((), 10_000), self._ready(broker)
                answered = time.monotonic()
                if now != before:
                    before, since = now, answered
                elif answered - since > 0.05 + 10 * (answered - began):
                    return
                time.sleep(0.005)

    def dead(self) -> int | None:
        with Broker(self.url) as broker:
            return broker.ready(self.topology.dead_queue.name)

    def ready(self) -> int:
        """How many messages wait at the broker and are in nobody's hands."""
        with Broker(self.url) as broker:
            return self._ready(broker)

    def _ready(self, broker: Broker) -> int:
        return sum(broker.ready(queue.name) for queue in self.topology.queues)

    def close(self) -> None:
        self.stop_relays()
        for link in self.links:
            link.stop()
