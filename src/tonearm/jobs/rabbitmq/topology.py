"""The exchanges and queues that Tonearm declares: their names, arguments and bindings.

By default one classic durable queue with priorities, because quorum queues of RabbitMQ 4.0 refuse ``x-max-priority``.
If the broker is a cluster and messages must survive the loss of a node, one quorum queue for each level instead; then a
worker takes the most urgent of the messages that were delivered to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tonearm.settings import Level

DEAD_AT_MOST = 100_000
"""Maximum length of the dead-letter queue."""


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """Name and arguments of a queue, and the levels of the messages in it."""

    name: str
    arguments: Mapping[str, Any]
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """The exchanges and queues of one library; all names start with its namespace."""

    namespace: str
    replicated: bool = False

    @property
    def exchange(self) -> str:
        """Name of the direct exchange to which messages are published, with the level as the routing key."""
        return f"{self.namespace}.jobs"

    @property
    def dead_exchange(self) -> str:
        """Name of the exchange for messages of quarantined jobs and for invalid messages."""
        return f"{self.namespace}.dead"

    @property
    def dead_queue(self) -> QueueSpec:
        """The dead-letter queue: replicated if there are several nodes; drops the oldest messages when it is full."""
        return QueueSpec(
            f"{self.namespace}.dead",
            {"x-queue-type": "quorum", "x-max-length": DEAD_AT_MOST, "x-overflow": "drop-head"},
            (),
        )

    @property
    def queues(self) -> tuple[QueueSpec, ...]:
        """The queues with the messages of jobs."""
        dead = {"x-dead-letter-exchange": self.dead_exchange, "x-dead-letter-routing-key": "dead"}
        if self.replicated:
            kind = {"x-queue-type": "quorum", "x-delivery-limit": -1}
            return tuple(
                QueueSpec(f"{self.namespace}.jobs.{level.label}", kind | dead, (level,)) for level in Level
            )
        highest = {"x-queue-type": "classic", "x-max-priority": max(Level) - min(Level)}
        return (QueueSpec(f"{self.namespace}.jobs", highest | dead, tuple(Level)),)

    @staticmethod
    def priority(level: Level) -> int:
        """The AMQP priority of a level: a higher number is delivered earlier."""
        return max(Level) - level
