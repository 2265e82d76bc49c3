"""The publishing side of a connection: publishes messages and waits for their confirmations."""

import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, field
from typing import Any

import pika
from pika.exceptions import AMQPError

from tonearm.jobs.outbox_relay import JobMessage
from tonearm.jobs.rabbitmq.broker_errors import BrokerUnavailable, does_not_answer, sentence
from tonearm.jobs.rabbitmq.message import encoded_message
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.resilience.gate import Gate


@dataclass(slots=True)
class _Batch:
    """Messages that are being published; ``done`` is fulfilled when the last is confirmed."""

    done: "Future[None]"
    unconfirmed: int
    refused: list[int] = field(default_factory=list)


class RabbitPublisher:
    """Publishes messages of jobs and waits until the broker confirms that each is in a queue and on disk."""

    def __init__(
        self,
        topology: Topology,
        gate: Gate,
        timeout_s: float,
        call_soon: Callable[[Callable[[], None]], bool],
        reconnect: Callable[[], None],
        place: str,
        unavailable_reason: str,
    ) -> None:
        """``timeout_s``: how long to wait for a confirmation or an answer.

        call_soon: has the connection's thread call a function; ``False`` when there is no connection.
        reconnect: closes the connection, so that the topology is declared again.
        place: the broker and where it is. unavailable_reason: why there is no connection yet; a sentence.
        """
        self._topology = topology
        self._gate = gate
        self._timeout_s = timeout_s
        self._call_soon = call_soon
        self._reconnect = reconnect
        self._channel: Any = None
        self._batches: dict[int, tuple[_Batch, int]] = {}
        self._tag = 0
        self._recreated = False
        self._blocked: str | None = None
        self._place = place
        self.unavailable_reason = unavailable_reason

    # Called by other threads.

    @property
    def connected(self) -> bool:
        """Whether the channel is open, as far as is known without using it."""
        channel = self._channel
        return channel is not None and channel.is_open

    def publish(self, messages: Sequence[JobMessage]) -> None:
        """Publish messages and wait until each is confirmed.

        Raises:
            BrokerUnavailable: not connected, not confirmed in time, or a message was not routed; some may have arrived.
        """
        self._gate.admit()
        began = time.monotonic()
        batch = _Batch(Future(), len(messages))
        try:
            self._in_connection(functools.partial(self._publish, messages, batch))
            batch.done.result(self._timeout_s)
        except (TooLate, AMQPError, OSError) as error:
            why = "no answer in time" if isinstance(error, TooLate) else sentence(error)
            reason = self._blocked or f"{self._place} did not confirm a message: {why}"
            self._gate.failed(time.monotonic() - began, reason)
            raise BrokerUnavailable(reason) from error
        except BrokerUnavailable as error:
            self._gate.failed(time.monotonic() - began, str(error))
            raise
        self._gate.succeeded(time.monotonic() - began)

    def count_ready(self, gate: Gate | None = None) -> int:
        """Number of messages at the broker that were not delivered. Raises BrokerUnavailable.

        gate: passed instead of that of all other calls.
        """
        gate = gate or self._gate
        gate.admit()
        began = time.monotonic()
        answer: Future[int] = Future()
        try:
            self._in_connection(functools.partial(self._count, answer))
            ready = answer.result(self._timeout_s)
        except (TooLate, BrokerUnavailable) as error:
            late = self._blocked or does_not_answer(self._place, "no answer in time")
            reason = late if isinstance(error, TooLate) else str(error)
            gate.failed(time.monotonic() - began, reason)
            raise BrokerUnavailable(reason) from error
        gate.succeeded(time.monotonic() - began)
        return ready

    def queue_was_recreated(self) -> bool:
        """Whether a queue was created since the last call."""
        recreated, self._recreated = self._recreated, False
        return recreated

    def _in_connection(self, call: Callable[[], None]) -> None:
        if (blocked := self._blocked) is not None:
            raise BrokerUnavailable(blocked)
        if not self.connected or not self._call_soon(call):
            raise BrokerUnavailable(self.unavailable_reason)

    # Called by the connection's thread.

    def mark_recreated(self) -> None:
        """A queue is missing and is created anew: what was published to it is lost."""
        self._recreated = True

    def begin(self, channel: Any) -> None:
        """Publish by this channel, whose topology is declared and which confirms."""
        self._tag = 0
        channel.add_on_return_callback(self._returned)
        self._channel = channel

    def block(self, reason: str) -> None:
        """Note that the broker reads nothing more from this connection for now. ``reason``: a sentence."""
        self._blocked = reason

    def unblock(self) -> None:
        """Note that the broker reads from this connection again."""
        self._blocked = None

    def end(self, reason: str) -> None:
        """Fail all messages that were not confirmed, because the connection has ended. ``reason``: a sentence."""
        self._channel = None
        self._blocked = None
        self.unavailable_reason = reason
        for batch, _ in self._batches.values():
            _fail(batch.done, reason)
        self._batches.clear()

    def confirmed(self, frame: Any) -> None:
        """Handle a confirmation or refusal of messages."""
        method = frame.method
        first = min(self._batches, default=method.delivery_tag) if method.multiple else method.delivery_tag
        for tag in range(first, method.delivery_tag + 1):
            batch, job = self._batches.pop(tag, (None, 0))
            if batch is None:
                continue
            if isinstance(method, pika.spec.Basic.Nack):
                batch.refused.append(job)
            batch.unconfirmed -= 1
            if batch.unconfirmed == 0:
                self._complete(batch)

    def _complete(self, batch: _Batch) -> None:
        if batch.refused:
            _fail(batch.done, f"RabbitMQ put {len(batch.refused)} messages into no queue")
            self._reconnect()  # an exchange, queue or binding was deleted: declare them again
        elif not batch.done.done():
            batch.done.set_result(None)

    def _publish(self, messages: Sequence[JobMessage], batch: _Batch) -> None:
        channel = self._channel
        if channel is None or not channel.is_open:
            _fail(batch.done, self.unavailable_reason)
            return
        for message in messages:
            self._tag += 1
            self._batches[self._tag] = (batch, message.job)
            channel.basic_publish(
                self._topology.exchange,
                message.level.label,
                *encoded_message(message, self._topology),
                mandatory=True,
            )

    def _returned(self, _: Any, method: Any, properties: Any, body: bytes) -> None:  # noqa: ARG002  pika's signature
        """Mark a message that was routed to no queue as refused; RabbitMQ confirms it all the same."""
        for batch, job in self._batches.values():
            if str(job) == properties.message_id:
                batch.refused.append(job)
                return

    def _count(self, answer: "Future[int]") -> None:
        channel = self._channel
        counts: list[int] = []
        queues = self._topology.queues

        def counted(frame: Any) -> None:
            counts.append(frame.method.message_count)
            if len(counts) == len(queues) and not answer.done():
                answer.set_result(sum(counts))

        if channel is None or not channel.is_open:
            _fail(answer, self.unavailable_reason)
            return
        for queue in queues:
            channel.queue_declare(queue.name, passive=True, callback=counted)


def _fail(answer: "Future[Any]", reason: str) -> None:
    if not answer.done():
        answer.set_exception(BrokerUnavailable(reason))
