"""Whatever happens to the broker and its queues, every job is delivered and is done once."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest

from tests.contracts.broker import Broker
from tests.contracts.queue_setups import PATIENCE_S, QUIET_S, QueueSetup, RabbitSetup
from tests.program import Program, within
from tests.proxy import Proxy, proxy_of, through
from tests.unit.library_fixture import Library, finish_one, result, take_from
from tests.variables import unset_variables
from tonearm.bootstrap.analyze import open_session
from tonearm.errors import ConfigurationError, ServiceRefused
from tonearm.events.batches import MessagesPublished
from tonearm.events.facts import Warned
from tonearm.events.job_trace import JobTrace
from tonearm.events.services import BrokerStateChanged
from tonearm.events.states import BrokerState, WarningCode
from tonearm.jobs.intake import Intake
from tonearm.jobs.lease import Lease
from tonearm.jobs.outbox_relay import JobMessage
from tonearm.jobs.port import JobQueue
from tonearm.jobs.rabbitmq import connection as link_module
from tonearm.jobs.rabbitmq.broker_errors import BrokerUnavailable
from tonearm.jobs.rabbitmq.connection import BrokerConnection
from tonearm.jobs.rabbitmq.management import Management
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.library.database import Database
from tonearm.progress.live import LiveView
from tonearm.resilience.gate import Unguarded
from tonearm.settings import Level, load_settings
from tonearm.worker.signals import StopSwitch

MakeBench = Callable[..., RabbitSetup]
HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"
"""The frame of AMQP 0-9-1."""


@pytest.fixture
def topology(namespace: str) -> Topology:
    return Topology(namespace)


@pytest.fixture
def make(
    emptied_postgres: Database, rabbitmq_url: str, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeBench]:
    monkeypatch.setattr(link_module, "LONGEST_PAUSE_S", 0.5)
    made: list[RabbitSetup] = []

    def make(url: str | None = None, **changes: Any) -> RabbitSetup:
        made.append(RabbitSetup(Library(emptied_postgres), url or rabbitmq_url, topology, **changes))
        return made[-1]

    yield make
    for setup in made:
        setup.close()


@pytest.fixture
def setup(make: MakeBench) -> RabbitSetup:
    return make()


@pytest.fixture
def broker(rabbitmq_url: str) -> Iterator[Broker]:
    with Broker(rabbitmq_url) as broker:
        yield broker


@pytest.fixture
def proxy(rabbitmq_url: str) -> Iterator[Proxy]:
    with proxy_of(rabbitmq_url) as proxy:
        yield proxy


def unsent(library: Library) -> int:
    return int(library.rows("SELECT count(*) AS jobs FROM jobs WHERE publish_due_at IS NOT NULL")[0]["jobs"])


def end(setup: QueueSetup, queue: JobQueue, lease: Lease) -> None:
    assert finish_one(setup.library.job_store, lease, result(lease.path.hex())) is not None
    queue.acknowledge(lease)


def do_all(setup: QueueSetup, queue: JobQueue, jobs: int) -> list[Lease]:
    """Work on so many jobs, which must come."""
    done = []
    for _ in range(jobs):
        done.append(setup.take(queue))
        end(setup, queue, done[-1])
    return done


def states(library: Library) -> dict[str, int]:
    return {
        row["state"]: row["jobs"]
        for row in library.rows("SELECT state, count(*) AS jobs FROM jobs GROUP BY state")
    }


class Told:
    """A gate that is open, and remembers what failed."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def admit(self) -> None:
        """Let every call pass."""

    def succeeded(self, seconds: float) -> None:
        """Nothing is learned from it."""

    def failed(self, seconds: float, reason: str) -> None:  # noqa: ARG002  the protocol's
        """Remember why."""
        self.failures.append(reason)


@pytest.mark.parametrize("level", list(Level))
def test_a_message_says_which_job_and_how_urgent(
    setup: RabbitSetup, broker: Broker, topology: Topology, level: Level
) -> None:
    library = setup.library
    library.meet(library.run(), b"1", level=level)
    setup.announced()
    row = library.rows("SELECT * FROM jobs")[0]
    taken = broker.take(topology.queues[0].name)
    assert taken is not None
    method, properties, body = taken
    assert json.loads(body) == {"job": row["id"]}
    assert (method.exchange, method.routing_key) == (topology.exchange, level.label)
    assert properties.priority == 4 - level
    assert properties.delivery_mode == 2
    assert properties.correlation_id == row["correlation_id"]
    assert properties.message_id == str(row["id"])
    assert "traceparent" not in properties.headers  # nobody records traces
    assert (row["publish_due_at"], row["published_level"]) == (None, level)


def broker_states(setup: RabbitSetup) -> list[BrokerState]:
    return [event.state for event in setup.events if isinstance(event, BrokerStateChanged)]


def test_the_context_of_a_message_is_the_span_that_is_announced_when_it_is_confirmed(
    setup: RabbitSetup,
) -> None:
    setup.stop_relays()  # this test is the relay
    relay = setup.relay(setup.sender, lambda trace_id, decided: True)  # noqa: ARG005  the form of a Sampler
    setup.library.meet(setup.library.run(), b"1")
    assert relay.publish_batch() == 1
    [published] = [event for event in setup.events if isinstance(event, MessagesPublished)]
    [message] = published.messages
    lease = setup.take(setup.queue("w"))
    assert lease.traceparent == f"00-{lease.correlation_id}-{message.span_id}-01"
    assert (message.job, published.count, published.error) == (lease.job, 1, None)


def test_a_relay_that_records_no_traces_passes_on_what_was_decided_when_the_job_was_queued(
    setup: RabbitSetup,
) -> None:
    library = setup.library
    library.intake = Intake(library.database, library.versions, (), 1.0, lambda trace_id, decided: False)  # noqa: ARG005  the form of a Sampler
    library.meet(library.run(), b"1")
    lease = setup.take(setup.queue("w"))
    enqueue = JobTrace(lease.correlation_id).enqueue_id
    assert lease.traceparent == f"00-{lease.correlation_id}-{enqueue}-00"
    assert lease.sampled is False


@pytest.mark.parametrize("harm", ["the binding is gone", "the queue is gone"])
def test_a_message_that_no_queue_takes_is_noticed_and_its_job_stays_unsent_until_one_does(
    setup: RabbitSetup, broker: Broker, topology: Topology, harm: str
) -> None:
    library = setup.library
    queue_name = topology.queues[0].name
    setup.stop_relays()  # this test is the relay
    relay = setup.relay(setup.sender)
    library.meet(library.run(), b"1", b"2")
    if harm == "the binding is gone":
        broker.unbind(queue_name, topology.exchange, "normal")
    else:
        broker.delete(queue_name)
    with pytest.raises(BrokerUnavailable, match="no queue"):
        relay.publish_batch()
    assert unsent(library) == 2
    assert within(PATIENCE_S, lambda: setup.sender.connected)
    assert relay.publish_batch() == 2
    assert unsent(library) == 0
    queue = setup.queue("w")
    assert {lease.path for lease in do_all(setup, queue, 2)} == {b"1", b"2"}


def test_some_messages_that_no_queue_takes_do_not_hide_among_others(
    setup: RabbitSetup, broker: Broker, topology: Topology
) -> None:
    broker.unbind(topology.queues[0].name, topology.exchange, "low")
    messages = [JobMessage(number, Level.LOW if number == 3 else Level.HIGH, "c") for number in range(1, 6)]
    with pytest.raises(BrokerUnavailable, match="1 messages into no queue"):
        setup.sender.publisher.publish(messages)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"7",
        b"[]",
        b"{}",
        b'{"job": "1"}',
        b'{"job": true}',
        b'{"job": 0}',
        b'{"job": 1e3}',
        b'{"job": 99999999999999999999999}',
        b"[" * 100_000,
    ],
    ids=lambda body: body[:20].decode("ascii", "replace") or "empty",
)
def test_a_message_that_is_no_note_goes_to_the_dead_letters_and_the_next_is_taken(
    setup: RabbitSetup, broker: Broker, topology: Topology, body: bytes
) -> None:
    queue = setup.queue("w")
    assert queue.count_waiting((), 1) == 0  # now it wants notes
    headers = {"level": "high", "traceparent": "00-0-0-00"}
    broker.put(topology.exchange, "high", body, pika.BasicProperties(headers=headers))
    assert within(PATIENCE_S, lambda: setup.dead() == 1)
    setup.library.meet(setup.library.run(), b"1")
    do_all(setup, queue, 1)
    dead = broker.take(topology.dead_queue.name)
    assert dead is not None
    assert dead[2] == body


@pytest.mark.parametrize("headers", [None, {}, {"level": "urgent"}, {"level": 3}], ids=str)
def test_a_message_without_a_level_is_no_note(
    setup: RabbitSetup, broker: Broker, topology: Topology, headers: dict[str, object] | None
) -> None:
    assert setup.queue("w").count_waiting((), 1) == 0  # now it wants notes
    broker.put(topology.exchange, "high", b'{"job": 1}', pika.BasicProperties(headers=headers))
    assert within(PATIENCE_S, lambda: setup.dead() == 1)


def test_a_note_of_an_unknown_job_is_done_with(setup: RabbitSetup) -> None:
    queue = setup.queue("w")
    setup.sender.publisher.publish([JobMessage(12345, Level.HIGH, "c")])
    assert setup.nothing(queue)
    setup.hang_up(queue)
    assert (setup.ready(), setup.dead()) == (0, 0)


def test_every_message_delivered_ten_times_gives_one_result_each(setup: RabbitSetup) -> None:
    library = setup.library
    library.meet(library.run(), *(b"%02d" % number for number in range(20)))
    setup.announced()
    messages = [
        JobMessage(row["id"], Level(row["level"]), row["correlation_id"])
        for row in library.rows("SELECT * FROM jobs ORDER BY id")
    ]
    setup.sender.publisher.publish(messages * 4)
    queues = [setup.queue(f"w{number}", slots=2) for number in range(2)]
    taken: list[Lease] = []
    end_at = time.monotonic() + 60

    def work(queue: JobQueue) -> None:
        while len(taken) < 20 and time.monotonic() < end_at:
            if (lease := take_from(queue, frozenset())) is not None:
                taken.append(lease)
                end(setup, queue, lease)
                setup.sender.publisher.publish(
                    [message for message in messages if message.job == lease.job] * 5
                )
            else:
                time.sleep(0.005)

    threads = [threading.Thread(target=work, args=(queue,)) for queue in queues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(lease.job for lease in taken) == [message.job for message in messages]
    assert {lease.attempt for lease in taken} == {1}
    assert within(
        PATIENCE_S,
        lambda: all(take_from(queue, frozenset()) is None for queue in queues) and setup.ready() == 0,
    )
    assert setup.nothing(*queues)
    assert states(library) == {"done": 20}
    assert library.rows("SELECT count(*) AS audio FROM audio") == [{"audio": 20}]
    for queue in queues:
        setup.hang_up(queue)
    assert (setup.ready(), setup.dead()) == (0, 0)


@pytest.mark.usefixtures("emptied_postgres")
def test_a_queue_of_other_arguments_is_refused_with_the_way_out(
    rabbitmq_url: str,
    standing_postgres: str,
    broker: Broker,
    topology: Topology,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = topology.queues[0].name
    broker.declare(name, {"x-queue-type": "classic"})
    unset_variables(monkeypatch)
    monkeypatch.setenv("TONEARM_CONFIG", os.devnull)
    settings = load_settings(
        {"database_url": standing_postgres, "rabbitmq_url": rabbitmq_url, "namespace": topology.namespace}
    )
    said = rf"queue {name} whose x-.* is not what this version needs.*TONEARM_NAMESPACE"
    stop = StopSwitch()
    with (
        pytest.raises(ConfigurationError, match=said),
        open_session(settings, LiveView(), lambda _: None, stop),
    ):
        raise AssertionError("it was opened")
    stop.close()


def test_a_worker_does_not_start_on_a_queue_of_other_arguments(
    make_program: Callable[..., Program],
    tmp_path_factory: pytest.TempPathFactory,
    rabbitmq_url: str,
    emptied_postgres: Database,
    standing_postgres: str,
    broker: Broker,
    topology: Topology,
) -> None:
    broker.declare(topology.queues[0].name, {"x-queue-type": "quorum"})
    program = make_program(
        tmp_path_factory.mktemp("data"),
        TONEARM_DATABASE_URL=standing_postgres,
        TONEARM_RABBITMQ_URL=rabbitmq_url,
        TONEARM_NAMESPACE=topology.namespace,
        TONEARM_CONNECT_TIMEOUT_S="60",
    )
    outcome = program.run("worker", timeout=200)
    assert outcome.status == 2
    assert "is not what this version needs" in outcome.errors
    assert Library(emptied_postgres).rows("SELECT ended_at IS NOT NULL AS ended FROM workers") == [
        {"ended": True}
    ]


def test_a_queue_that_is_deleted_while_jobs_wait_is_filled_again(
    setup: RabbitSetup, broker: Broker, topology: Topology
) -> None:
    library = setup.library
    library.meet(library.run(), *(b"%02d" % number for number in range(50)))
    setup.announced()
    queue = setup.queue("w", slots=2)
    first = setup.take(queue)
    broker.delete(topology.queues[0].name)
    end(setup, queue, first)
    taken = [first, *do_all(setup, queue, 49)]
    assert sorted(lease.job for lease in taken) == list(range(1, 51))
    assert states(library) == {"done": 50}
    assert any(  # by the side that had to make the queue, or by the other one, which sees it empty
        (isinstance(event, BrokerStateChanged) and event.state is BrokerState.REPUBLISHING)
        or (isinstance(event, Warned) and event.code is WarningCode.BROKER_LOST_MESSAGES)
        for event in setup.events
    )
    assert within(PATIENCE_S, lambda: broker_states(setup)[-1:] in ([], [BrokerState.READY]))


def test_a_worker_whose_queue_was_made_anew_by_another_goes_on_taking(
    setup: RabbitSetup, broker: Broker, topology: Topology
) -> None:
    queue = setup.queue("w")
    queue_spec = topology.queues[0]
    broker.delete(queue_spec.name)
    broker.declare(queue_spec.name, queue_spec.arguments)
    setup.library.meet(setup.library.run(), b"1")
    assert setup.take(queue).path == b"1"


def test_a_retry_whose_message_was_lost_comes_all_the_same(
    setup: RabbitSetup, broker: Broker, topology: Topology
) -> None:
    library = setup.library
    library.meet(library.run(), b"1")
    setup.announced()
    library.change("UPDATE jobs SET state = 'retrying', not_before = queued_at")
    broker.delete(topology.queues[0].name)
    assert setup.take(setup.queue("w")).path == b"1"


def test_messages_that_a_broker_lost_are_sent_again(
    setup: RabbitSetup, broker: Broker, topology: Topology
) -> None:
    library = setup.library
    library.meet(library.run(), *(b"%02d" % number for number in range(10)))
    setup.announced()
    while broker.take(topology.queues[0].name) is not None:
        pass
    queue = setup.queue("w")
    assert len(do_all(setup, queue, 10)) == 10


def test_jobs_stay_unsent_while_the_broker_is_unavailable_and_come_when_it_answers_again(
    make: MakeBench, rabbitmq_url: str, proxy: Proxy
) -> None:
    proxy.reset()
    setup = make(through(proxy, rabbitmq_url), there=False)
    library = setup.library
    library.meet(library.run(), b"1", b"2", b"3")
    queue = setup.queue("w")
    assert not setup.sender.wait_until_known(0.1)
    time.sleep(QUIET_S)
    assert unsent(library) == 3
    assert take_from(queue, frozenset()) is None
    proxy.heal()
    assert len(do_all(setup, queue, 3)) == 3
    assert unsent(library) == 0


def test_a_worker_takes_on_when_its_connection_has_come_back(
    make: MakeBench, rabbitmq_url: str, proxy: Proxy
) -> None:
    setup = make(through(proxy, rabbitmq_url))
    library = setup.library
    library.meet(library.run(), *(b"%02d" % number for number in range(10)))
    queue = setup.queue("w", slots=2)
    taken = do_all(setup, queue, 3)
    in_hand = setup.take(queue)
    proxy.reset()
    assert within(PATIENCE_S, lambda: not setup.links[-1].connected)
    assert take_from(queue, frozenset()) is None
    proxy.heal()
    end(setup, queue, in_hand)  # what it had in hand is stored once, though its message comes again
    taken += [in_hand, *do_all(setup, queue, 6)]
    assert sorted(lease.job for lease in taken) == list(range(1, 11))
    assert {lease.attempt for lease in taken} == {1}
    assert setup.nothing(queue)
    assert states(library) == {"done": 10}


def test_a_network_that_swallows_everything_is_noticed_and_nothing_is_lost(
    make: MakeBench, rabbitmq_url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "HEARTBEAT_S", 1)
    setup = make(through(proxy, rabbitmq_url), timeout_s=1.0)
    library = setup.library
    queue = setup.queue("w")
    proxy.black_hole()
    library.meet(library.run(), b"1", b"2")
    assert within(PATIENCE_S, lambda: not any(link.connected for link in setup.links))
    assert unsent(library) == 2
    proxy.heal()
    assert {lease.path for lease in do_all(setup, queue, 2)} == {b"1", b"2"}
    assert setup.nothing(queue)
    assert states(library) == {"done": 2}


def test_a_channel_that_the_broker_closes_does_not_end_the_link(setup: RabbitSetup) -> None:
    library = setup.library
    library.meet(library.run(), b"1", b"2")
    link = setup.link(1)
    link.receiver.resume()
    assert within(PATIENCE_S, lambda: link.receiver.arrived() == 1)
    [delivery] = link.receiver.next(1)
    link.receiver.acknowledge(delivery)
    link.receiver.acknowledge(
        delivery
    )  # no such delivery any more: the broker closes the channel, as after a timeout
    assert within(PATIENCE_S, lambda: not link.connected)
    assert within(PATIENCE_S, lambda: link.connected)
    assert link.refusal is None
    assert within(PATIENCE_S, lambda: link.receiver.arrived() == 1)


def test_nobody_waits_for_ever_for_a_broker_that_does_not_confirm(
    make: MakeBench, rabbitmq_url: str, proxy: Proxy
) -> None:
    told = Told()
    setup = make(through(proxy, rabbitmq_url), gate=told, timeout_s=1.0)
    proxy.black_hole()
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="did not confirm"):
        setup.sender.publisher.publish([JobMessage(1, Level.HIGH, "c")])
    assert time.monotonic() - began < PATIENCE_S
    assert any("confirm" in reason for reason in told.failures)
    with pytest.raises(BrokerUnavailable):
        setup.sender.publisher.count_ready()
    proxy.heal()


def test_heartbeats_go_on_while_everything_else_is_busy(
    make: MakeBench, rabbitmq_url: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "HEARTBEAT_S", 2)
    setup = make(through(proxy, rabbitmq_url))
    library = setup.library
    library.meet(library.run(), b"1")
    queue = setup.queue("w")
    lease = setup.take(queue)
    heartbeats: list[bytes] = []
    proxy.hear = lambda data: heartbeats.append(data) if HEARTBEAT in data else None
    until = time.monotonic() + PATIENCE_S
    while len(heartbeats) < 4:  # two of each connection
        sum(range(10_000))
        assert time.monotonic() < until
    end(setup, queue, lease)
    setup.hang_up(queue)
    assert setup.ready() == 0


def test_a_relay_that_meets_a_stopped_link_waits_for_it(setup: RabbitSetup) -> None:
    library = setup.library
    setup.sender.stop()
    library.meet(library.run(), b"1")
    time.sleep(QUIET_S)
    assert setup.relays[0].is_alive()
    assert unsent(library) == 1
    assert setup.relay(setup.link(0)).publish_batch() == 1


def test_a_broker_that_refuses_the_credentials_is_reported_so_and_with_what_to_look_at(
    topology: Topology, rabbitmq_url: str, rabbitmq_management_url: str
) -> None:
    stranger = rabbitmq_url.replace("guest:guest@", "guest:hush@")
    link = BrokerConnection(stranger, topology, Unguarded(), 0, lambda: None, 5.0)
    link.start()
    try:
        assert link.wait_until_known(30)
        assert not link.connected
        assert link.refusal is not None
        assert "refused the credentials" in link.refusal
        assert "rabbitmq_url" in link.refusal
        assert "hush" not in link.refusal
    finally:
        link.stop()
    asked = Management(
        rabbitmq_management_url.replace("guest:guest@", "guest:hush@"), "/", topology, Unguarded(), 5.0
    )
    with pytest.raises(ServiceRefused, match=r"refused the credentials of rabbitmq_management_url"):
        asked.figures()
