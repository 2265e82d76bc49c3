"""The receiving side of a connection: keeps messages that were received and not taken, and acknowledges messages."""

import functools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tonearm.jobs.outbox_relay import JobMessage
from tonearm.jobs.rabbitmq.message import InvalidMessage, parsed_message

Answer = Callable[[Any], None]
"""Acknowledges or rejects one delivery on a channel."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A received message. ``generation``: number of its connection, because a tag is valid on one connection only."""

    message: JobMessage
    tag: int
    generation: int


class Receiver:
    """Consumes only while the worker takes jobs, because other workers can't get messages that wait here."""

    def __init__(
        self, prefetch: int, wake: Callable[[], None], call_soon: Callable[[Callable[[], None]], object]
    ) -> None:
        """``prefetch``: maximum number of unacknowledged messages; 0 for none.

        wake: called for the first message that arrives after a call of ``next`` or ``arrived``.

        ``call_soon``: has the connection's thread call a function, while there is a connection.
        """
        self._prefetch = prefetch
        self._wake = wake
        self._call_soon = call_soon
        self._lock = threading.Lock()
        self._generation = 0
        self._arrived: deque[Delivery] = deque()
        self._answers: list[Answer] = []
        self._woke = False
        self._wanted = False
        self._channel: Any = None
        self._queues: Sequence[str] = ()
        self._consumers: list[str] = []

    # Called by other threads.

    def resume(self) -> None:
        """Start consuming."""
        if self._prefetch and not self._wanted:
            self._wanted = True
            self._call_soon(self._consume)

    def pause(self) -> None:
        """Stop consuming, and requeue messages that were received and not taken."""
        if self._wanted:
            self._wanted = False
            self._call_soon(self._stop_consuming)

    def next(self, at_most: int) -> list[Delivery]:
        """Take the most urgent received messages, at most one for each job."""
        with self._lock:
            self._woke = False
            chosen: dict[int, Delivery] = {}
            for delivery in sorted(self._arrived, key=lambda delivery: delivery.message.level):
                if len(chosen) < at_most:
                    chosen.setdefault(delivery.message.job, delivery)
            for delivery in chosen.values():
                self._arrived.remove(delivery)
            return list(chosen.values())

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        """Keep messages for the next call of ``next``, because their jobs could not be claimed now."""
        with self._lock:
            self._arrived.extendleft(one for one in deliveries if one.generation == self._generation)

    def arrived(self) -> int:
        """Number of received messages that were not taken."""
        with self._lock:
            self._woke = False
            return len(self._arrived)

    def acknowledge(self, delivery: Delivery) -> None:
        """Acknowledge a message: RabbitMQ deletes it."""
        self._answer(delivery, functools.partial(_acknowledge, delivery.tag))

    def reject(self, delivery: Delivery, requeue: bool) -> None:
        """Requeue a message, or move it to the dead-letter queue."""
        self._answer(delivery, functools.partial(_reject, delivery.tag, requeue))

    def _answer(self, delivery: Delivery, answer: Answer) -> None:
        with self._lock:
            if delivery.generation != self._generation:
                return  # RabbitMQ requeued it when its connection ended
            self._answers.append(answer)
            first = len(self._answers) == 1  # otherwise the thread has already been called
        if first:
            self._call_soon(self._send_answers)

    # Called by the connection's thread.

    def begin(self, channel: Any, queues: Sequence[str]) -> None:
        """Consume these queues on this channel; called when a connection is established."""
        self._channel, self._queues = channel, queues
        self._consume()

    def end(self) -> None:
        """Discard all messages, because the connection has ended and RabbitMQ has requeued them."""
        self._channel = None
        self._consumers.clear()
        with self._lock:
            self._generation += 1
            self._arrived.clear()
            self._answers.clear()

    @property
    def channel(self) -> Any:
        """The channel, while it is open."""
        return self._channel if self._channel is not None and self._channel.is_open else None

    def _consume(self) -> None:
        if self._wanted and not self._consumers and (channel := self.channel) is not None:
            self._consumers = [channel.basic_consume(name, self._delivered) for name in self._queues]

    def _stop_consuming(self) -> None:
        if self._wanted or (channel := self.channel) is None:
            return
        for consumer in self._consumers:
            channel.basic_cancel(consumer, callback=_nothing)
        self._consumers.clear()
        with self._lock:
            back = list(self._arrived)
            self._arrived.clear()
        for delivery in back:
            channel.basic_reject(delivery.tag, requeue=True)

    def _delivered(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        try:
            message = parsed_message(properties, body)
        except InvalidMessage:
            channel.basic_reject(method.delivery_tag, requeue=False)
            return
        if not self._wanted:  # it was sent before consuming stopped
            channel.basic_reject(method.delivery_tag, requeue=True)
            return
        with self._lock:
            self._arrived.append(Delivery(message, method.delivery_tag, self._generation))
            first, self._woke = not self._woke, True
        if first:
            self._wake()

    def _send_answers(self) -> None:
        with self._lock:
            answers, self._answers = self._answers, []
        for answer in answers:
            if (channel := self.channel) is not None:
                answer(channel)


def _acknowledge(tag: int, channel: Any) -> None:
    channel.basic_ack(tag)


def _reject(tag: int, requeue: bool, channel: Any) -> None:
    channel.basic_reject(tag, requeue=requeue)


def _nothing(_: Any) -> None:
    """Ignore the broker's confirmation."""
