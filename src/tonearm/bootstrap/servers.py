"""Opens the servers that the settings name; the only module that imports their adapters."""

import contextlib
import copy
import dataclasses
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonearm.addresses import FORMS, parts_of, url_of
from tonearm.bootstrap.consistency import check_consistent
from tonearm.errors import ConfigurationError
from tonearm.events.event import Announce
from tonearm.events.report import unheard
from tonearm.library.column_types import ReadJson
from tonearm.library.database import Database, open_leader, open_postgres, open_sqlite, reach_postgres
from tonearm.library.leader import AdvisoryLeader, Leadership, SoleProcess
from tonearm.resilience.gate import Gate
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.settings import Level, Settings, url_source
from tonearm.telemetry.log_levels import silence_drivers

if TYPE_CHECKING:
    from tonearm.graph.port import TrackGraph
    from tonearm.graph.server_state import GraphServer
    from tonearm.jobs.broker_state import BrokerState
    from tonearm.jobs.port import JobQueue
    from tonearm.jobs.rabbitmq.connection import BrokerConnection as BrokerConnection
    from tonearm.jobs.rabbitmq.management import Management
    from tonearm.jobs.rabbitmq.management import QueueFigures as QueueFigures
    from tonearm.jobs.sql_job_store import SqlJobStore
    from tonearm.progress.port import Progress
    from tonearm.progress.service_instances import Shared
    from tonearm.resilience.breaker import CircuitBreaker

FIGURES_S = 4.0
"""Statement timeout for reading figures over the whole library, in seconds."""
WHOLE_TABLE_S = 3600.0
"""Statement timeout for migrating and moving a library, in seconds."""
PROBE_S = 3.0
"""Seconds that a probe waits for a connection, and then for an answer."""


class Servers:
    """Opens each server that the settings name, behind a circuit breaker of its own."""

    def __init__(
        self,
        settings: Settings,
        announce: Announce,
        turns: LoopTurns | None = None,
        read_json: ReadJson | None = None,
    ) -> None:
        """``announce``: gets the changes of state of the breakers, and a failure of the broker connection's thread.

        turns: where the turns of that thread are noted, and which loop is waiting for a server. read_json: reads the
        documents that are stored in the library, where something quicker than usual is at hand.

        Raises:
            ConfigurationError: settings that contradict each other.
        """
        check_consistent(settings)
        self._settings = settings
        self._announce = announce
        self._turns = turns or LoopTurns()
        self._read_json = read_json
        self.breakers: Mapping[str, CircuitBreaker] = {}
        self._gates: Mapping[str, Gate] = {}
        if services := named_services(settings):
            from tonearm.bootstrap.breakers import (  # not needed without a server
                announcing_gates,
                make_breakers,
            )

            silence_drivers()
            self.breakers = make_breakers(services, settings, announce, self._turns)
            self._gates = announcing_gates(self.breakers, announce)

    def for_probes(self) -> "Servers":
        """The same servers, for probes: calls have short limits, and pass a breaker that is open."""
        from tonearm.resilience.probes import ProbeGate  # of processes that run for long

        servers = copy.copy(self)
        servers._gates = {name: ProbeGate(breaker) for name, breaker in self.breakers.items()}
        servers._settings = dataclasses.replace(
            self._settings,
            connect_timeout_s=min(self._settings.connect_timeout_s, PROBE_S),
            call_timeout_s=min(self._settings.call_timeout_s, PROBE_S),
        )
        return servers

    def gate(self, service: str) -> Gate:
        """What calls of a service pass."""
        return self._gates[service]

    def open_database(self) -> Database:
        """The library's database, SQLite or PostgreSQL. Raises StorageError and ConfigurationError."""
        settings = self._settings
        if settings.database_url is None:
            return open_sqlite(settings.data_dir, self._read_json)
        return open_postgres(
            url_source(settings, "database_url"),
            settings.connect_timeout_s,
            settings.call_timeout_s,
            self._gates["PostgreSQL"],
            connections=settings.database_connections,
            read_json=self._read_json,
        )

    def reach_postgres(self) -> Database:
        """The database on PostgreSQL, whatever is in it, by one connection. Raises ConfigurationError."""
        settings = self._settings
        if settings.database_url is None:
            raise ConfigurationError("there is no PostgreSQL without TONEARM_DATABASE_URL")
        return reach_postgres(
            url_source(settings, "database_url"),
            settings.connect_timeout_s,
            settings.call_timeout_s,
            self._gates["PostgreSQL"],
            connections=1,
        )

    @contextlib.contextmanager
    def open_progress(self) -> Iterator["Progress | None"]:
        """The live view that all hosts share; ``None`` where the settings name no Redis. Connects when first used."""
        settings = self._settings
        if settings.redis_url is None:
            yield None
            return
        with _driver_of("Redis"):
            from tonearm.progress.redis import RedisProgress
        address = url_source(settings, "redis_url")
        progress = RedisProgress(address, settings.namespace, self._gates["Redis"])
        with contextlib.closing(progress):
            yield progress

    @contextlib.contextmanager
    def open_shared(self) -> Iterator["Shared | None"]:
        """What instances of the service share; ``None`` where the settings name no Redis. Connects when first used."""
        settings = self._settings
        if settings.redis_url is None:
            yield None
            return
        with _driver_of("Redis"):
            from tonearm.progress.redis_instances import RedisShared
        address = url_source(settings, "redis_url")
        with contextlib.closing(RedisShared(address, settings.namespace, self._gates["Redis"])) as shared:
            yield shared

    @contextlib.contextmanager
    def open_graph(self) -> Iterator["TrackGraph | None"]:
        """The graph in Neo4j; ``None`` where the settings name none. Connects when first used."""
        settings = self._settings
        if settings.neo4j_url is None:
            yield None
            return
        with _driver_of("Neo4j"):
            from tonearm.graph.bolt import Bolt
            from tonearm.graph.neo4j import Neo4jGraph
        bolt = Bolt(
            url_source(settings, "neo4j_url"),
            settings.connect_timeout_s,
            settings.call_timeout_s,
            self._gates["Neo4j"],
        )
        with contextlib.closing(Neo4jGraph(bolt, settings.namespace)) as graph:
            yield graph

    @contextlib.contextmanager
    def open_broker(
        self, prefetch: int, wake: Callable[[], None], title: str
    ) -> Iterator["BrokerConnection | None"]:
        """The connection to RabbitMQ, made in the background; ``None`` where the settings name none.

        prefetch: maximum number of messages that this process holds unacknowledged; 0: it only publishes.
        wake: called from the connection's thread when a message has come.
        title: what RabbitMQ shows as the connection's name.
        """
        settings = self._settings
        if settings.rabbitmq_url is None:
            yield None
            return
        with _driver_of("RabbitMQ"):
            from tonearm.jobs.rabbitmq.connection import BrokerConnection
            from tonearm.jobs.rabbitmq.topology import Topology
        connection = BrokerConnection(
            url_source(settings, "rabbitmq_url"),
            Topology(settings.namespace, settings.rabbitmq_replicated),
            self._gates["RabbitMQ"],
            prefetch,
            wake,
            settings.connect_timeout_s,
            title,
            self._announce,
            self._turns,
        )
        connection.start()
        try:
            yield connection
        finally:
            connection.stop()

    def inspect_broker(self) -> "BrokerState":
        """What the broker tells of itself; nothing is declared. Raises ServiceUnavailable and ConfigurationError."""
        settings = self._settings
        with _driver_of("RabbitMQ"):
            from tonearm.jobs.rabbitmq.inspection import inspect_broker
            from tonearm.jobs.rabbitmq.topology import Topology
        topology = Topology(settings.namespace, settings.rabbitmq_replicated)
        return inspect_broker(
            url_of(url_source(settings, "rabbitmq_url")), topology, settings.connect_timeout_s
        )

    def inspect_redis(self) -> "tuple[Mapping[str, Any], float]":
        """The answer of Redis to INFO, and its clock. Raises ServiceUnavailable and ConfigurationError."""
        settings = self._settings
        with _driver_of("Redis"):
            from tonearm.progress.redis import RedisProgress
        progress = RedisProgress(url_source(settings, "redis_url"), settings.namespace, self._gates["Redis"])
        with contextlib.closing(progress):
            return progress.server()

    def inspect_graph(self) -> "GraphServer":
        """What Neo4j tells of itself. Raises ServiceUnavailable, ConfigurationError and GraphRefused."""
        settings = self._settings
        with _driver_of("Neo4j"):
            from tonearm.graph.bolt import Bolt
            from tonearm.graph.neo4j_server import inspect_graph
        bolt = Bolt(
            url_source(settings, "neo4j_url"),
            settings.connect_timeout_s,
            settings.call_timeout_s,
            self._gates["Neo4j"],
        )
        with contextlib.closing(bolt):
            return inspect_graph(bolt, settings.namespace)

    @property
    def has_broker(self) -> bool:
        """Whether the settings name a broker."""
        return self._settings.rabbitmq_url is not None

    def open_leadership(self, database: Database) -> Leadership:
        """The right to read figures over the whole library. Connects when first used."""
        if self._settings.database_url is None:
            return SoleProcess(database)
        address = url_source(self._settings, "database_url")
        return AdvisoryLeader(open_leader(address, self._settings.connect_timeout_s, FIGURES_S))

    def management(self) -> "Management | None":
        """RabbitMQ's management API; ``None`` where the settings do not name both it and RabbitMQ."""
        settings = self._settings
        if settings.rabbitmq_management_url is None or settings.rabbitmq_url is None:
            return None
        from tonearm.jobs.rabbitmq.management import Management
        from tonearm.jobs.rabbitmq.topology import Topology

        vhost = urllib.parse.unquote(parts_of("rabbitmq_url", settings.rabbitmq_url).path[1:]) or "/"
        return Management(
            url_source(settings, "rabbitmq_management_url"),
            vhost,
            Topology(settings.namespace, settings.rabbitmq_replicated),
            self._gates["RabbitMQ management"],
            settings.connect_timeout_s,
        )


def job_queue(
    broker: "BrokerConnection | None", job_store: "SqlJobStore", worker: str, run: int | None
) -> "JobQueue":
    """Where a worker takes its jobs from. ``run``: only jobs of this run, where the jobs table is the queue."""
    from tonearm.jobs.sql_queue import SqlQueue

    if broker is None:
        return SqlQueue(job_store, worker, run)
    from tonearm.jobs.rabbitmq.queue import RabbitQueue

    return RabbitQueue(broker.receiver, job_store, worker, SqlQueue(job_store, worker, None))


def destinations(settings: Settings) -> tuple[dict[str, str], dict[str, str]]:
    """By level, where RabbitMQ's messages are sent to and where they are received from, as traces name these."""
    from tonearm.jobs.rabbitmq.topology import Topology

    topology = Topology(settings.namespace, settings.rabbitmq_replicated)
    sent_to = {level.label: f"{topology.exchange}:{level.label}" for level in Level}
    received_from = {
        level.label: f"{sent_to[level.label]}:{queue.name}"
        for queue in topology.queues
        for level in queue.levels
    }
    return sent_to, received_from


def open_for_maintenance(address: str | Path, connect_timeout_s: float, migrate: bool = False) -> Database:
    """The database at a URL or in a folder, for statements over whole tables.

    ``migrate``: bring the tables of a server's database to the newest revision; those in a folder always are.
    Raises StorageError, LibraryInUse and ConfigurationError.
    """
    if isinstance(address, Path):
        return open_sqlite(address)
    return open_postgres(address, connect_timeout_s, WHOLE_TABLE_S, migrate=migrate)


def check_addresses(settings: Settings) -> None:
    """Have each driver read its address, with everything in it; nothing connects.

    Raises:
        ConfigurationError: an address that can't be used, or a driver that is not installed.
    """
    for name in FORMS:
        if (address := getattr(settings, name)) is not None:
            parts_of(name, address)
    servers = Servers(settings, unheard)
    if settings.database_url is not None:
        servers.reach_postgres().close()
    if settings.rabbitmq_url is not None:
        with _driver_of("RabbitMQ"):
            from tonearm.jobs.rabbitmq.connection import parameters_of
        parameters_of(settings.rabbitmq_url, settings.connect_timeout_s, "tonearm")
        servers.management()
    with servers.open_progress(), servers.open_graph():
        pass


def named_services(settings: Settings) -> list[str]:
    """The services whose address is set."""
    addresses = {
        "PostgreSQL": settings.database_url,
        "RabbitMQ": settings.rabbitmq_url,
        "RabbitMQ management": settings.rabbitmq_management_url,
        "Redis": settings.redis_url,
        "Neo4j": settings.neo4j_url,
    }
    return [name for name, address in addresses.items() if address]


@contextlib.contextmanager
def _driver_of(service: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"{service} needs a driver that is not installed: pip install 'tonearm[distributed]' ({error})"
        ) from error
