"""Calls each server that the settings name, whether or not the others answer."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tonearm.bootstrap.servers import Servers
from tonearm.errors import ServiceRefused, ServiceUnavailable, TonearmError
from tonearm.settings import Settings
from tonearm.telemetry.probes import Advice

if TYPE_CHECKING:
    from tonearm.bootstrap.servers import BrokerConnection, QueueFigures
    from tonearm.progress.port import RunningFile, Snapshot
    from tonearm.resilience.gate import Gate

Answer = TypeVar("Answer")
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
        "start RabbitMQ, or look at the network between it and this host; jobs wait in the database meanwhile",
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


def ask_broker(servers: Servers, timeout_s: float) -> None:
    """Connect to RabbitMQ, and check that the queues are as this version needs them. Raises as ``ask_connected``."""
    with servers.open_broker(0, lambda: None, "tonearm status") as broker:
        if broker is None:
            return
        broker.wait_until_known(timeout_s)
        if broker.refusal is not None:
            raise ServiceRefused(broker.refusal)
        if not broker.connected:
            raise ServiceUnavailable(broker.unavailable_reason)


def _kept(
    parts: contextlib.ExitStack, opened: Callable[[], contextlib.AbstractContextManager[Answer]]
) -> Callable[[], Answer]:
    """Returns what ``opened`` gives: entered when first needed, kept until ``parts`` end."""
    kept: list[Answer] = []

    def get() -> Answer:
        if not kept:
            kept.append(parts.enter_context(opened()))
        return kept[0]

    return get


@dataclass(frozen=True, slots=True)
class ServerState:
    """The result of one call to a server. ``state``: up, unavailable, or wrong (its address or credentials are)."""

    state: str
    latency_ms: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class LiveState:
    """What the live view holds: the latest counts, and the running files of all workers."""

    snapshot: "Snapshot | None"
    running: "Sequence[RunningFile]"


@dataclass(frozen=True, slots=True)
class ServerReport:
    """The state of every server except the database; ``None`` for figures of a server that is not set or is down."""

    services: Mapping[str, ServerState]
    queues: "Sequence[QueueFigures] | None"
    live: LiveState | None


def probe_servers(settings: Settings) -> ServerReport:
    """Call RabbitMQ, its management API, Redis and Neo4j, each if the settings name it.

    Raises:
        ConfigurationError: settings that contradict each other.
    """
    servers = Servers(settings, lambda _: None)
    services: dict[str, ServerState] = {}
    queues, live = None, None
    if settings.rabbitmq_url is not None:
        services["RabbitMQ"], _ = ask(lambda: ask_broker(servers, settings.connect_timeout_s))
        if settings.rabbitmq_management_url is not None:
            services["RabbitMQ management"], queues = ask(lambda: _figures(servers))
    if settings.redis_url is not None:
        services["Redis"], live = ask(lambda: _ask_redis(servers))
    if settings.neo4j_url is not None:
        services["Neo4j"], _ = ask(lambda: _ask_neo4j(servers))
    return ServerReport(services, queues, live)


def ask(question: Callable[[], Answer]) -> tuple[ServerState, Answer | None]:
    """Make a call; returns the state of the server, and the result of the call."""
    began = time.monotonic()
    try:
        answer = question()
    except TonearmError as error:
        return failed(error), None
    return ServerState("up", round((time.monotonic() - began) * 1000, 2), None), answer


def failed(error: TonearmError) -> ServerState:
    """The state of a server whose call raised an error."""
    unavailable = isinstance(error, ServiceUnavailable) and not isinstance(error, ServiceRefused)
    return ServerState("unavailable" if unavailable else "wrong", None, str(error))


def _figures(servers: Servers) -> "Sequence[QueueFigures]":
    management = servers.management()
    return management.figures() if management is not None else []


def _ask_redis(servers: Servers) -> LiveState:
    with servers.open_progress() as progress:
        return LiveState(None, ()) if progress is None else LiveState(progress.latest(), progress.running())


def _ask_neo4j(servers: Servers) -> None:
    with servers.open_graph() as graph:
        if graph is not None:
            graph.counts()
