"""The thread that communicates with RabbitMQ and does nothing else, so that heartbeats are sent during long analyses.

It connects and declares the topology; then its ``publisher`` and its ``receiver`` work, each on a channel of its own.
When the connection ends, it connects again after a back-off. Other threads use this one through callbacks that it
calls, and through futures.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.select_connection import SelectConnection
from pika.exceptions import AMQPError, ChannelClosedByBroker

from tonearm.addresses import Address, not_an_address, parts_of, place_of, url_of
from tonearm.errors import ConfigurationError, ServiceUnavailable
from tonearm.events.event import Announce
from tonearm.events.report import unheard
from tonearm.jobs.rabbitmq.broker_errors import (
    NO_SUCH_QUEUE,
    accepts_nothing,
    does_not_answer,
    queue_mismatch,
    refused,
    refuses_login,
    sentence,
)
from tonearm.jobs.rabbitmq.publisher import RabbitPublisher
from tonearm.jobs.rabbitmq.receiver import Receiver
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.resilience.backoff import Backoff, Rounds
from tonearm.resilience.gate import Gate
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.resilience.threads import SupervisedThreads

HEARTBEAT_S = 20
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 10.0
TURN_S = 5.0
"""Seconds between two turns that are noted while there is a connection."""
ADMIT_S = 0.5
"""Seconds between two checks of the circuit breaker while it is open."""


class BrokerConnection:
    """One connection to RabbitMQ, in a thread of its own."""

    def __init__(
        self,
        address: Address,
        topology: Topology,
        gate: Gate,
        prefetch: int,
        wake: Callable[[], None],
        timeout_s: float,
        title: str = "tonearm",
        announce: Announce = unheard,
        turns: LoopTurns | None = None,
    ) -> None:
        """``prefetch``: maximum number of unacknowledged messages; 0 to publish only. ``wake``: called for each.

        ``title``: the name of the connection that RabbitMQ shows. ``announce``: gets a warning if the thread fails.
        ``turns``: where the turns of the thread are noted.

        Raises:
            ConfigurationError: ``address`` is not that of a broker with a user and a password.
        """
        parameters_of(url_of(address), timeout_s, title)
        self._address = address
        self._place = place_of("rabbitmq_url", url_of(address))
        self._title = title
        self._threads = SupervisedThreads(announce, turns)
        self._topology = topology
        self._gate = gate
        self._prefetch = prefetch
        self._timeout_s = timeout_s
        self._ending = threading.Event()
        self._up = threading.Event()
        self.receiver = Receiver(prefetch, wake, self._call_soon)
        self._connection: Any = None
        self._receiving: Any = None
        self._began = 0.0
        self._was_up = False
        self._ended_because = "not connected yet"
        self.publisher = RabbitPublisher(
            topology, gate, timeout_s, self._call_soon, self._close, self._place, self.unavailable_reason
        )
        self.refusal: str | None = None
        """What a person has to change before a connection can be made; ``None`` if nothing is known."""

    # Called by other threads.

    @property
    def connected(self) -> bool:
        """Whether there is a connection, with everything declared."""
        return self._up.is_set()

    @property
    def unavailable_reason(self) -> str:
        """Why the last connection ended, or why there was none; a sentence."""
        return does_not_answer(self._place, self._ended_because)

    def wait_until_known(self, seconds: float) -> bool:
        """Wait until connected or refused; ``False`` when neither happened in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.refusal is None:
            if self._up.wait(0.05):
                return True
        return self.refusal is not None

    def start(self) -> None:
        """Begin to connect."""
        self._threads.start("rabbitmq", self._run)

    def stop(self) -> None:
        """Return messages that were not taken, close the connection, and end the thread."""
        self._ending.set()
        self._call_soon(self._close)
        self._threads.close(self._timeout_s)

    def _call_soon(self, call: Callable[[], None]) -> bool:
        """Have the thread call a function; ``False`` when there is no connection."""
        connection = self._connection
        if connection is None:
            return False
        connection.ioloop.add_callback_threadsafe(call)
        return True

    # The thread.

    def _run(self, stop: threading.Event) -> None:
        """Keep connected until stopped."""
        rounds = Rounds(Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, least=0.2), stop.wait)
        for _ in rounds:
            try:
                self._gate.admit()
            except ServiceUnavailable:
                rounds.succeeded(ADMIT_S)
                continue
            began = time.monotonic()
            was_up = self._connect_once(stop)
            if self._ending.is_set():
                return
            self._gate.failed(0.0 if was_up else time.monotonic() - began, self.unavailable_reason)
            if was_up:
                rounds.succeeded(FIRST_PAUSE_S / 2)

    def _connect_once(self, stop: threading.Event) -> bool:
        """One connection from its beginning to its end; returns whether it was established."""

        def turn() -> None:
            stop.wait(0)
            connection.ioloop.call_later(TURN_S, turn)

        self._was_up = False
        self._began = time.monotonic()
        try:
            url = url_of(self._address)
            parameters = parameters_of(url, self._timeout_s, self._title)
            self._place = place_of("rabbitmq_url", url)
        except (
            ServiceUnavailable,
            ConfigurationError,
        ) as error:  # the address is in a file, and that has changed
            self._ended_because = str(error)
            return False
        connection = SelectConnection(
            parameters,
            on_open_callback=self._opened,
            on_open_error_callback=self._closed,
            on_close_callback=self._closed,
        )
        self._connection = connection
        connection.ioloop.call_later(TURN_S, turn)
        try:
            connection.ioloop.start()
        except AMQPError as error:  # a method was called while the connection was closing
            self._ended_because = sentence(error)
        finally:
            self._down()
            self._connection = None
            connection.ioloop.close()
        return self._was_up

    def _opened(self, connection: Any) -> None:
        if self._ending.is_set():
            connection.close()
            return
        connection.add_on_connection_blocked_callback(
            lambda _, frame: self.publisher.block(accepts_nothing(self._place, frame.method.reason))
        )
        connection.add_on_connection_unblocked_callback(lambda *_: self.publisher.unblock())
        connection.channel(on_open_callback=self._check_queues)

    def _closed(self, connection: Any, reason: BaseException) -> None:
        self._ended_because = sentence(reason)
        if refuses_login(reason):
            self.refusal = refused(self._place)
        self._down()
        connection.ioloop.stop()

    def _close(self) -> None:
        if self._connection is not None and self._connection.is_open:
            self._connection.close()  # RabbitMQ requeues messages that were delivered and not acknowledged

    def _down(self) -> None:
        """Discard everything that belonged to the connection."""
        self._up.clear()
        self._receiving = None
        self.receiver.end()
        self.publisher.end(self.unavailable_reason)

    def _check_queues(self, channel: Any) -> None:
        """Find out whether the queues exist. RabbitMQ closes the channel on a passive declare of a missing queue."""

        def closed(_: Any, reason: BaseException) -> None:
            if isinstance(reason, ChannelClosedByBroker) and reason.reply_code == NO_SUCH_QUEUE:
                self.publisher.mark_recreated()
            if self._connection is not None and self._connection.is_open:
                self._connection.channel(on_open_callback=self._declare)

        channel.add_on_close_callback(closed)
        names = [queue.name for queue in self._topology.queues]
        for name in names:
            last = name == names[-1]
            channel.queue_declare(
                name, passive=True, callback=(lambda _: channel.close()) if last else _nothing
            )

    def _declare(self, channel: Any) -> None:
        """Declare exchanges, queues and bindings."""
        topology = self._topology
        self._receiving = channel
        channel.add_on_close_callback(self._channel_closed)
        channel.add_on_cancel_callback(self._cancelled)
        channel.exchange_declare(topology.exchange, "direct", durable=True, callback=_nothing)
        channel.exchange_declare(topology.dead_exchange, "direct", durable=True, callback=_nothing)
        dead = topology.dead_queue
        channel.queue_declare(dead.name, durable=True, arguments=dict(dead.arguments), callback=_nothing)
        channel.queue_bind(dead.name, topology.dead_exchange, "dead", callback=_nothing)
        for queue in topology.queues:
            channel.queue_declare(
                queue.name, durable=True, arguments=dict(queue.arguments), callback=_nothing
            )
            for level in queue.levels:
                channel.queue_bind(queue.name, topology.exchange, level.label, callback=_nothing)
        channel.basic_qos(prefetch_count=max(1, self._prefetch), callback=self._declared)

    def _declared(self, _: Any) -> None:
        self._connection.channel(on_open_callback=self._prepare_publishing)

    def _prepare_publishing(self, channel: Any) -> None:
        channel.add_on_close_callback(self._channel_closed)
        channel.confirm_delivery(self.publisher.confirmed, callback=lambda _: self._established(channel))

    def _established(self, publishing: Any) -> None:
        self._was_up = True
        self.refusal = None
        self._gate.succeeded(time.monotonic() - self._began)
        self.receiver.begin(self._receiving, [queue.name for queue in self._topology.queues])
        self.publisher.begin(publishing)
        self._up.set()

    def _channel_closed(self, _: Any, reason: BaseException) -> None:
        self.refusal = queue_mismatch(reason) or self.refusal
        self._ended_because = sentence(reason)
        self._up.clear()
        self._close()

    def _cancelled(self, _: Any) -> None:
        """Connect again, because a queue was deleted and its consumer was cancelled."""
        self._up.clear()
        self._close()


def parameters_of(url: str, timeout_s: float, title: str) -> pika.URLParameters:
    """The parameters of a connection. Raises ConfigurationError where ``url`` is not the address of a broker."""
    parts_of("rabbitmq_url", url)
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError, LookupError, SyntaxError, OSError):  # pika reads values as Python literals
        raise not_an_address("rabbitmq_url") from None
    parameters.heartbeat = HEARTBEAT_S
    parameters.socket_timeout = timeout_s
    parameters.stack_timeout = timeout_s
    parameters.blocked_connection_timeout = HEARTBEAT_S
    parameters.connection_attempts = 1
    parameters.client_properties = {"connection_name": title}
    return parameters


def _nothing(_: Any) -> None:
    """Ignore the broker's confirmation: the next request has already been sent."""
