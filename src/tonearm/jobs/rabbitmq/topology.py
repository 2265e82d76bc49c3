"""The exchanges and queues that Tonearm declares: their names and arguments, and which level goes where.

One classic durable queue with priorities: quorum queues of RabbitMQ 4.0 refuse ``x-max-priority``. Where the broker
is a cluster and messages must survive the loss of a node, there is one quorum queue for each level instead; then the
worker takes the most urgent of the messages that it was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tonearm.settings import Level

DEAD_AT_MOST = 100_000


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue as it is declared, and the levels whose messages it holds."""

    name: str
    arguments: Mapping[str, Any]
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that a library has at a broker; all names start with its namespace."""

    namespace: str
    replicated: bool = False

    @property
    def exchange(self) -> str:
        """Where messages are published; a direct exchange, routed by level."""
        return f"{self.namespace}.jobs"

    @property
    def dead_exchange(self) -> str:
        """Where messages of quarantined jobs go, and messages of no job."""
        return f"{self.namespace}.dead"

    @property
    def dead_queue(self) -> QueueSpec:
        """The dead letters: replicated where there are several nodes, the oldest dropped when there are too many."""
        return QueueSpec(
            f"{self.namespace}.dead",
            {"x-queue-type": "quorum", "x-max-length": DEAD_AT_MOST, "x-overflow": "drop-head"},
            (),
        )

    @property
    def queues(self) -> tuple[QueueSpec, ...]:
        """The queues that hold the messages of jobs."""
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
        """A level as RabbitMQ counts: the higher, the sooner."""
        return max(Level) - level
