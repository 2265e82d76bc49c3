"""RabbitMQ as an administrator sees it, without the program: the contents of its queues, and faults made in them."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import pika
from pika.exceptions import ChannelClosedByBroker


class Broker:
    """A connection of its own, on which one thing is done after the other."""

    def __init__(self, url: str) -> None:
        parameters = pika.URLParameters(url)
        parameters.heartbeat = 0
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()

    def __enter__(self) -> "Broker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ready(self, queue: str) -> int:
        """How many messages wait in a queue, those in somebody's hands left aside; -1 when it is not there."""
        try:
            return int(self._channel.queue_declare(queue, passive=True).method.message_count)
        except ChannelClosedByBroker:
            self._channel = self._connection.channel()
            return -1

    def take(self, queue: str) -> tuple[Any, Any, bytes] | None:
        """Take a message away: its method, properties and body."""
        method, properties, body = self._channel.basic_get(queue, auto_ack=True)
        return None if method is None else (method, properties, body)

    def put(self, exchange: str, key: str, body: bytes, properties: pika.BasicProperties) -> None:
        """Send a message of any kind."""
        self._channel.basic_publish(exchange, key, body, properties)

    def declare(self, queue: str, arguments: Mapping[str, Any]) -> None:
        """Make a queue."""
        self._channel.queue_declare(queue, durable=True, arguments=dict(arguments))

    def delete(self, queue: str) -> None:
        """Delete a queue with all that is in it."""
        self._channel.queue_delete(queue)

    def unbind(self, queue: str, exchange: str, key: str) -> None:
        """Let an exchange know a queue no longer."""
        self._channel.queue_unbind(queue, exchange, key)
