"""The servers that a process may depend on, as components of its health, and one cheap call of each."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tonearm.bootstrap.servers import Servers
from tonearm.errors import ServiceRefused, ServiceUnavailable
from tonearm.telemetry.probes import Advice

if TYPE_CHECKING:
    from tonearm.bootstrap.servers import BrokerConnection
    from tonearm.resilience.gate import Gate

Opened = TypeVar("Opened")
Call = Callable[[], object]
"""One cheap call of a server. Raises a TonearmError if it fails."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server as a component of a process.

    service: its name in the settings of its breaker. required: whether nothing more is analysed while it fails.
    """

    component: str
    service: str
    required: bool
    advice: Advice


RABBITMQ = Server(
    "rabbitmq",
    "RabbitMQ",
    True,
    Advice(
        "start RabbitMQ, or look at the network between it and this host; if it accepts no messages, give it memory "
        "or disk space; jobs wait in the database meanwhile",
        "correct TONEARM_RABBITMQ_URL, or what the user in it may do",
    ),
)
SERVERS = (
    Server(
        "postgresql",
        "PostgreSQL",
        True,
        Advice(
            "start PostgreSQL, or look at the network between it and this host; nothing is lost meanwhile",
            "correct TONEARM_DATABASE_URL, or what the user in it may do",
        ),
    ),
    RABBITMQ,
    Server(
        "rabbitmq-management",
        "RabbitMQ management",
        False,
        Advice(
            "enable RabbitMQ's management plug-in, or look at the network; only the broker's own figures are missing",
            "correct TONEARM_RABBITMQ_MANAGEMENT_URL, or what the user in it may do",
        ),
    ),
    Server(
        "redis",
        "Redis",
        False,
        Advice(
            "start Redis, or look at the network between it and this host; only the live view is not updated",
            "correct TONEARM_REDIS_URL, or what the user in it may do",
        ),
    ),
    Server(
        "neo4j",
        "Neo4j",
        False,
        Advice(
            "start Neo4j, or look at the network between it and this host; the graph catches up by itself",
            "correct TONEARM_NEO4J_URL, or what the user in it may do",
        ),
    ),
)
"""Every server that a process may depend on."""


def server_calls(servers: Servers, parts: contextlib.ExitStack) -> dict[str, Call]:
    """A call of each server that the settings name except RabbitMQ, by component.

    A connection is opened by the first call, and closed with ``parts``.
    """
    database = _kept(parts, lambda: contextlib.closing(servers.reach_postgres()))
    progress, graph = _kept(parts, servers.open_progress), _kept(parts, servers.open_graph)

    def ask_management() -> None:
        if (management := servers.management()) is not None:
            management.ping()

    calls: dict[str, Call] = {
        "PostgreSQL": lambda: database().ping(),
        "RabbitMQ management": ask_management,
        "Redis": lambda: (live := progress()) and live.latest(),
        "Neo4j": lambda: (tracks := graph()) and tracks.track(b"/"),
    }
    return {
        each.component: calls[each.service]
        for each in SERVERS
        if each.service in servers.breakers and each.service in calls
    }


def ask_broker(servers: Servers) -> None:
    """Connect to RabbitMQ, and check that the queues that it has are as this version needs them; nothing is declared.

    Raises:
        ServiceRefused: a person has to change something before there can be a connection.
        ServiceUnavailable: no connection could be made in time, or it accepts no messages.
    """
    found = servers.inspect_broker()
    for mismatch in found.mismatches:
        raise ServiceRefused(mismatch)
    if found.is_blocked:
        raise ServiceUnavailable(
            "RabbitMQ accepts no messages: an alarm for memory or disk space is in effect"
        )


def ask_connected(broker: "BrokerConnection", gate: "Gate") -> None:
    """Ask RabbitMQ something over the connection of this process; the thread of that connects where there is none.

    Raises:
        ServiceRefused: a person has to change something before there can be a connection.
        ServiceUnavailable: there is no connection, or no answer.
    """
    if broker.refusal is not None:
        raise ServiceRefused(broker.refusal)
    if not broker.connected:
        raise ServiceUnavailable(broker.unavailable_reason)
    broker.publisher.count_ready(gate)


def _kept(
    parts: contextlib.ExitStack, opened: Callable[[], contextlib.AbstractContextManager[Opened]]
) -> Callable[[], Opened]:
    """Returns what ``opened`` gives: entered when first needed, kept until ``parts`` end."""
    kept: list[Opened] = []

    def get() -> Opened:
        if not kept:
            kept.append(parts.enter_context(opened()))
        return kept[0]

    return get
