"""Calls each server that the settings name, whether or not the others answer."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tonearm.bootstrap.servers import Servers
from tonearm.errors import ServiceRefused, ServiceUnavailable, TonearmError
from tonearm.settings import Settings

if TYPE_CHECKING:
    from tonearm.bootstrap.servers import QueueFigures
    from tonearm.progress.port import RunningFile, Snapshot

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class ServerState:
    """The result of one call to a server. ``state``: up, unavailable, or misconfigured (address, login or rights)."""

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
        from tonearm.bootstrap.server_probes import ask_broker  # not needed without a broker

        services["RabbitMQ"], _ = ask(lambda: ask_broker(servers))
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
    return ServerState("unavailable" if unavailable else "misconfigured", None, str(error))


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
