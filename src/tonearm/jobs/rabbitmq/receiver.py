"""The receiving side of a link: notes that came and were not taken yet, and what the broker is told of them."""

import functools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tonearm.jobs.outbox_relay import JobMessage
from tonearm.jobs.rabbitmq.message import InvalidMessage, parsed_message

Verb = Callable[[Any], None]
"""Says something to the broker on a channel."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A note that came. ``generation`` is the connection it came by: a tag means nothing on another one."""

    message: JobMessage
    tag: int
    generation: int


class Receiver:
    """Notes are asked for only while somebody wants them: what lies here can't be taken by anybody else."""

    def __init__(
        self, prefetch: int, wake: Callable[[], None], soon: Callable[[Callable[[], None]], None]
    ) -> None:
        """``prefetch``: how many notes may be in this process's hands; 0 for none. ``wake``: a note came.

        ``soon``: has the link's thread call something, while there is a connection.
        """
        self._prefetch = prefetch
        self._wake = wake
        self._soon = soon
        self._lock = threading.Lock()
        self._generation = 0
        self._arrived: deque[Delivery] = deque()
        self._settled: list[Verb] = []
        self._wanted = False
        self._channel: Any = None
        self._queues: Sequence[str] = ()
        self._consumers: list[str] = []

    # What other threads ask.

    def want(self) -> None:
        """Have notes come from now on."""
        if self._prefetch and not self._wanted:
            self._wanted = True
            self._soon(self._consume)

    def rest(self) -> None:
        """Have no more notes come; those that came and were not taken go back to others."""
        if self._wanted:
            self._wanted = False
            self._soon(self._let_go)

    def next(self, at_most: int) -> list[Delivery]:
        """The most urgent notes that came and were not taken yet, no job twice."""
        with self._lock:
            chosen: dict[int, Delivery] = {}
            for delivery in sorted(self._arrived, key=lambda delivery: delivery.message.level):
                if len(chosen) < at_most:
                    chosen.setdefault(delivery.message.job, delivery)
            for delivery in chosen.values():
                self._arrived.remove(delivery)
            return list(chosen.values())

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Keep notes that were taken and could not be decided."""
        with self._lock:
            self._arrived.extendleft(one for one in deliveries if one.generation == self._generation)

    def arrived(self) -> int:
        """How many notes wait here."""
        return len(self._arrived)

    def acknowledge(self, delivery: Delivery) -> None:
        """The note is done with."""
        self._settle(delivery, functools.partial(_acknowledge, delivery.tag))

    def reject(self, delivery: Delivery, requeue: bool) -> None:
        """Give a note back to the broker, for another worker or for the dead letters."""
        self._settle(delivery, functools.partial(_reject, delivery.tag, requeue))

    def _settle(self, delivery: Delivery, verb: Verb) -> None:
        with self._lock:
            if delivery.generation != self._generation:
                return  # it went back to its queue when the connection ended
            self._settled.append(verb)
            first = len(self._settled) == 1  # for the others the thread is on its way already
        if first:
            self._soon(self._tell_settled)

    # The link's thread.

    def begin(self, channel: Any, queues: Sequence[str]) -> None:
        """A connection is up: notes of these queues come by this channel."""
        self._channel, self._queues = channel, queues
        self._consume()

    def end(self) -> None:
        """The connection is gone, and all that came by it."""
        self._channel = None
        self._consumers.clear()
        with self._lock:
            self._generation += 1
            self._arrived.clear()
            self._settled.clear()

    @property
    def channel(self) -> Any:
        """The channel, while it is open."""
        return self._channel if self._channel is not None and self._channel.is_open else None

    def _consume(self) -> None:
        if self._wanted and not self._consumers and (channel := self.channel) is not None:
            self._consumers = [channel.basic_consume(name, self._delivered) for name in self._queues]

    def _let_go(self) -> None:
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
        if not self._wanted:  # it was on its way
            channel.basic_reject(method.delivery_tag, requeue=True)
            return
        with self._lock:
            self._arrived.append(Delivery(message, method.delivery_tag, self._generation))
        self._wake()

    def _tell_settled(self) -> None:
        with self._lock:
            settled, self._settled = self._settled, []
        for verb in settled:
            if (channel := self.channel) is not None:
                verb(channel)


def _acknowledge(tag: int, channel: Any) -> None:
    channel.basic_ack(tag)


def _reject(tag: int, requeue: bool, channel: Any) -> None:
    channel.basic_reject(tag, requeue=requeue)


def _nothing(_: Any) -> None:
    """The broker has agreed."""
