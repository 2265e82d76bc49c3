"""The thread that talks to the broker and does nothing else, so that heartbeats survive long analyses.

It connects, declares the topology, sends notes and waits for their confirms; its ``receiver`` keeps those that come.
When the connection ends it comes back by itself, with back-off and jitter. All talk with other threads goes through
callbacks that run here, and through futures.
"""

import functools
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, field
from typing import Any

import pika
from pika.adapters.select_connection import SelectConnection
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from tonearm.addresses import not_an_address, parts_of
from tonearm.errors import ServiceAway
from tonearm.jobs.outbox_relay import JobMessage
from tonearm.jobs.rabbitmq.message import encoded_message
from tonearm.jobs.rabbitmq.receiver import Receiver
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.resilience.gate import Gate

HEARTBEAT_S = 20
LONGEST_PAUSE_S = 10.0
NO_SUCH_QUEUE, OTHER_ARGUMENTS, ACCESS_REFUSED, NOT_ALLOWED = 404, 406, 403, 530


class BrokerAway(ServiceAway):
    """The broker does not answer, or has not taken what was sent to it."""


@dataclass(slots=True)
class _Batch:
    """Notes on their way to the broker; ``done`` is fulfilled when the last is confirmed."""

    done: "Future[None]"
    left: int
    refused: list[int] = field(default_factory=list)


class BrokerConnection(threading.Thread):
    """One connection to the broker, for as long as the process wants it."""

    def __init__(
        self,
        url: str,
        topology: Topology,
        gate: Gate,
        prefetch: int,
        wake: Callable[[], None],
        timeout_s: float,
        title: str = "tonearm",
    ) -> None:
        """``prefetch``: how many notes may be in this process's hands; 0 to send only. ``wake``: a note came.

        Raises:
            ConfigurationError: ``url`` is not the address of a broker with a user and a password.
        """
        super().__init__(name="rabbitmq", daemon=True)
        parts_of("rabbitmq_url", url)
        try:
            self._parameters = pika.URLParameters(url)
        except (ValueError, TypeError, LookupError, SyntaxError):  # it reads some values as Python
            raise not_an_address("rabbitmq_url") from None
        self._parameters.heartbeat = HEARTBEAT_S
        self._parameters.socket_timeout = timeout_s
        self._parameters.stack_timeout = timeout_s
        self._parameters.blocked_connection_timeout = HEARTBEAT_S
        self._parameters.connection_attempts = 1
        self._parameters.client_properties = {"connection_name": title}
        self._topology = topology
        self._gate = gate
        self._prefetch = prefetch
        self._timeout_s = timeout_s
        self._ending = threading.Event()
        self._up = threading.Event()
        self.receiver = Receiver(prefetch, wake, self._soon)
        self._connection: Any = None
        self._receiving: Any = None
        self._sending: Any = None
        self._unconfirmed: dict[int, tuple[_Batch, int]] = {}
        self._tag = 0
        self._anew = False
        self._ended_because = "not connected yet"
        self.wrong: str | None = None

    # What other threads ask.

    def send(self, messages: Sequence[JobMessage]) -> None:
        """Send notes and wait until each is confirmed.

        Raises:
            BrokerAway: not connected, no confirm in time, or a note that no queue took; some may have arrived.
        """
        self._gate.admit()
        began = time.monotonic()
        batch = _Batch(Future(), len(messages))
        try:
            self._publisher(functools.partial(self._send, messages, batch))
            batch.done.result(self._timeout_s)
        except (TooLate, AMQPError, OSError) as error:
            reason = str(error) or "no confirm in time"
            self._gate.failed(time.monotonic() - began, reason)
            raise BrokerAway(f"RabbitMQ did not confirm: {reason}") from error
        except BrokerAway as error:
            self._gate.failed(time.monotonic() - began, str(error))
            raise
        self._gate.succeeded(time.monotonic() - began)

    def ready(self) -> int:
        """How many notes wait at the broker. Raises BrokerAway."""
        answer: Future[int] = Future()
        self._publisher(functools.partial(self._count, answer))
        try:
            return answer.result(self._timeout_s)
        except TooLate:
            raise BrokerAway("RabbitMQ did not say how many messages it has") from None

    def queue_was_recreated(self) -> bool:
        """Whether the queues had to be made since this was last asked."""
        anew, self._anew = self._anew, False
        return anew

    @property
    def up(self) -> bool:
        """Connected, with everything declared."""
        return self._up.is_set()

    @property
    def reason(self) -> str:
        """Why the last connection ended, or why there was none."""
        return f"RabbitMQ is away: {self._ended_because}"

    def wait_settled(self, seconds: float) -> bool:
        """Wait until connected, or until it is known that that can't be; ``False`` when neither came in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.wrong is None:
            if self._up.wait(0.05):
                return True
        return self.wrong is not None

    def stop(self) -> None:
        """Give back what was not taken, close, and end the thread."""
        self._ending.set()
        connection = self._connection
        if connection is not None:
            connection.ioloop.add_callback_threadsafe(self._close)
        self.join(self._timeout_s)

    def _publisher(self, callback: Callable[[], None]) -> None:
        connection = self._connection
        if not self._up.is_set() or connection is None:
            raise BrokerAway(f"RabbitMQ is away: {self._ended_because}")
        connection.ioloop.add_callback_threadsafe(callback)

    def _soon(self, callback: Callable[[], None]) -> None:
        """Have the thread call something, if there is a connection; else it finds out when there is one."""
        connection = self._connection
        if connection is not None:
            connection.ioloop.add_callback_threadsafe(callback)

    # The thread.

    def run(self) -> None:
        """Be connected until told to stop."""
        pause = 0.5
        while not self._ending.is_set():
            try:
                self._gate.admit()
            except ServiceAway:
                self._ending.wait(0.5)
                continue
            began = time.monotonic()
            was_up = self._live()
            if self._ending.is_set():
                return
            self._gate.failed(0.0 if was_up else time.monotonic() - began, self._ended_because)
            pause = 0.5 if was_up else min(LONGEST_PAUSE_S, pause * 2)
            self._ending.wait(random.uniform(0.2, pause))  # noqa: S311  spreads the return of many workers

    def _live(self) -> bool:
        """One connection from beginning to end; returns whether it came up."""
        self._was_up = False
        self._began = time.monotonic()
        connection = SelectConnection(
            self._parameters,
            on_open_callback=self._opened,
            on_open_error_callback=self._closed,
            on_close_callback=self._closed,
        )
        self._connection = connection
        try:
            connection.ioloop.start()
        except AMQPError as error:  # a step of ours met a connection that was closing just then
            self._ended_because = str(error) or type(error).__name__
        finally:
            self._down()
            self._connection = None
            connection.ioloop.close()
        return self._was_up

    def _opened(self, connection: Any) -> None:
        if self._ending.is_set():
            connection.close()
            return
        connection.channel(on_open_callback=self._look)

    def _closed(self, connection: Any, reason: BaseException) -> None:
        self._ended_because = str(reason) or type(reason).__name__
        if _refuses(reason):
            self.wrong = (
                f"RabbitMQ does not let us in: {self._ended_because}; "
                "check user, password and virtual host in rabbitmq_url"
            )
        self._down()
        connection.ioloop.stop()

    def _close(self) -> None:
        if self._connection is not None and self._connection.is_open:
            self._connection.close()  # what was delivered and not settled goes back to its queue

    def _down(self) -> None:
        """Forget everything that belonged to the connection."""
        self._up.clear()
        self._receiving = self._sending = None
        self.receiver.end()
        for batch, _ in self._unconfirmed.values():
            if not batch.done.done():
                batch.done.set_exception(BrokerAway(f"RabbitMQ is away: {self._ended_because}"))
        self._unconfirmed.clear()

    def _look(self, channel: Any) -> None:
        """Are the queues there? The broker answers a look at a missing one by closing the channel."""

        def gone(_: Any, reason: BaseException) -> None:
            if isinstance(reason, ChannelClosedByBroker) and reason.reply_code == NO_SUCH_QUEUE:
                self._anew = True
            if self._connection is not None and self._connection.is_open:
                self._connection.channel(on_open_callback=self._declare)

        channel.add_on_close_callback(gone)
        names = [queue.name for queue in self._topology.queues]
        for name in names:
            last = name == names[-1]
            channel.queue_declare(
                name, passive=True, callback=(lambda _: channel.close()) if last else _nothing
            )

    def _declare(self, channel: Any) -> None:
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
        self._connection.channel(on_open_callback=self._prepare_sending)

    def _prepare_sending(self, channel: Any) -> None:
        self._sending = channel
        self._tag = 0
        channel.add_on_close_callback(self._channel_closed)
        channel.add_on_return_callback(self._returned)
        channel.confirm_delivery(self._confirmed, callback=self._ready_to_work)

    def _ready_to_work(self, _: Any) -> None:
        self._was_up = True
        self.wrong = None
        self._gate.succeeded(time.monotonic() - self._began)
        self.receiver.begin(self._receiving, [queue.name for queue in self._topology.queues])
        self._up.set()

    def _channel_closed(self, _: Any, reason: BaseException) -> None:
        if (
            isinstance(reason, ChannelClosedByBroker)
            and reason.reply_code == OTHER_ARGUMENTS
            and "inequivalent" in str(reason.reply_text)  # else a consumer that took too long, and the like
        ):
            self.wrong = (
                f"RabbitMQ has other queues of these names than this version needs: {reason.reply_text}. "
                "Delete them (nothing is lost: the database knows every job), or set another TONEARM_NAMESPACE"
            )
        self._ended_because = str(reason)
        self._up.clear()
        self._close()

    def _cancelled(self, _: Any) -> None:
        """The queue was deleted under the consumer, which gets nothing any more: look again."""
        self._up.clear()
        self._close()

    def _send(self, messages: Sequence[JobMessage], batch: _Batch) -> None:
        channel = self._sending
        if channel is None or not channel.is_open:
            if not batch.done.done():
                batch.done.set_exception(BrokerAway(f"RabbitMQ is away: {self._ended_because}"))
            return
        for message in messages:
            self._tag += 1
            self._unconfirmed[self._tag] = (batch, message.job)
            channel.basic_publish(
                self._topology.exchange,
                message.level.label,
                *encoded_message(message, self._topology),
                mandatory=True,
            )

    def _returned(self, _: Any, method: Any, properties: Any, body: bytes) -> None:  # noqa: ARG002
        """A note that no queue took; its confirm follows and must not count."""
        for batch, job in self._unconfirmed.values():
            if str(job) == properties.message_id:
                batch.refused.append(job)
                return

    def _confirmed(self, frame: Any) -> None:
        method = frame.method
        first = (
            min(self._unconfirmed, default=method.delivery_tag) if method.multiple else method.delivery_tag
        )
        for tag in range(first, method.delivery_tag + 1):
            batch, job = self._unconfirmed.pop(tag, (None, 0))
            if batch is None:
                continue
            if isinstance(method, pika.spec.Basic.Nack):
                batch.refused.append(job)
            batch.left -= 1
            if batch.left == 0 and not batch.done.done():
                if batch.refused:
                    batch.done.set_exception(
                        BrokerAway(f"RabbitMQ took {len(batch.refused)} messages into no queue")
                    )
                    self._close()  # the topology is not as it was declared: look again
                else:
                    batch.done.set_result(None)

    def _count(self, answer: "Future[int]") -> None:
        channel = self._receiving
        counts: list[int] = []
        queues = self._topology.queues

        def counted(frame: Any) -> None:
            counts.append(frame.method.message_count)
            if len(counts) == len(queues) and not answer.done():
                answer.set_result(sum(counts))

        if channel is None or not channel.is_open:
            answer.set_exception(BrokerAway(f"RabbitMQ is away: {self._ended_because}"))
            return
        for queue in queues:
            channel.queue_declare(queue.name, passive=True, callback=counted)


def _refuses(reason: BaseException) -> bool:
    """Whether the broker knows us not, or not here. What it means by closing depends on how far we had come."""
    causes = [reason, *(cause for cause in getattr(reason, "exceptions", ()))]
    refused = (ProbableAuthenticationError, ProbableAccessDeniedError)
    return any(
        isinstance(cause, refused)
        or (isinstance(cause, ConnectionClosedByBroker) and cause.reply_code in {ACCESS_REFUSED, NOT_ALLOWED})
        for cause in causes
    )


def _nothing(_: Any) -> None:
    """The broker has agreed; the next step is under way already."""
