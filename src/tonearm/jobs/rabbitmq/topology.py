"""The exchanges and queues, declared by us: their names and arguments, and which level goes where.

One classic durable queue with priorities: quorum queues of RabbitMQ 4.0 refuse ``x-max-priority``. Where the
broker is a cluster and messages must survive the loss of a node, one quorum queue a level instead; then levels
are kept apart by the worker, which takes from what it was given the most urgent first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tonearm.settings import Level

DEAD_AT_MOST = 100_000


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue as it is declared, and the levels whose notes it holds."""

    name: str
    arguments: Mapping[str, Any]
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that a library has at a broker; all names begin with its namespace."""

    namespace: str
    replicated: bool = False

    @property
    def exchange(self) -> str:
        """Where notes are sent; a direct exchange, routed by level."""
        return f"{self.namespace}.jobs"

    @property
    def dead_exchange(self) -> str:
        """Where notes of quarantined jobs go, and messages that are no notes."""
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
        """The queues that hold the notes."""
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
