"""Examines the servers that the settings name, each by the probe that ``/ready`` and ``status --check`` use."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from tonearm.bootstrap.server_probes import SERVERS
from tonearm.bootstrap.servers import Servers
from tonearm.doctor import neo4j, rabbitmq, redis
from tonearm.doctor.diagnosis import Diagnosis
from tonearm.doctor.server_contact import clocks, trouble
from tonearm.graph.server_state import GraphServer
from tonearm.jobs.broker_state import BrokerCondition, BrokerState
from tonearm.settings import Settings
from tonearm.telemetry.probes import Finding, asked

Answer = TypeVar("Answer")
DRIVERS = {"PostgreSQL": "psycopg", "RabbitMQ": "pika", "Redis": "redis", "Neo4j": "neo4j"}
"""The module of each server's driver, by the name of the server."""
SERVER = {server.component: server for server in SERVERS}


class Asked(NamedTuple):
    """A call of a server, and this clock before and after it, in seconds since 1970."""

    finding: Finding
    before: float
    after: float

    @property
    def ms(self) -> float:
        """How long the answer took."""
        return self.finding.value or 0.0


def load_drivers(servers: Servers) -> None:
    """Load the drivers of all servers, so that no time of an answer is spent on that."""
    for service in servers.breakers:
        if service in DRIVERS:
            _has(DRIVERS[service])


def servers_of(
    settings: Settings, servers: Servers
) -> Iterator[tuple[str, Callable[[], Iterable[Diagnosis]]]]:
    """An examination of each server that the settings name except PostgreSQL, which is part of the library."""
    probing = servers.for_probes()
    if settings.rabbitmq_url is not None:
        yield "RabbitMQ", lambda: _rabbitmq(settings, probing)
    if settings.redis_url is not None:
        yield "Redis", lambda: _redis(probing)
    if settings.neo4j_url is not None:
        yield "Neo4j", lambda: _neo4j(probing)


def examined(
    component: str, call: Callable[[], Answer], judged: Callable[[Answer, Asked], Iterable[Diagnosis]]
) -> Iterator[Diagnosis]:
    """The trouble with a call of a server, and what its answer tells, where there is one."""
    server = SERVER[component]
    if (driver := DRIVERS.get(server.service)) and not _has(driver):
        yield Diagnosis(
            "python.driver",
            server.service,
            f"its driver is not installed: there is no module {driver}",
            "pip install 'tonearm[distributed]'",
        )
        return
    answers: list[Answer] = []
    before = time.time()
    finding = asked(lambda: answers.append(call()), server.advice)
    after = time.time()
    yield from trouble(component, server.service, finding)
    if answers:
        yield from judged(answers[-1], Asked(finding, before, after))


def _has(driver: str) -> bool:
    try:
        import_module(driver)
    except ImportError:
        return False
    return True


def _rabbitmq(settings: Settings, servers: Servers) -> Iterator[Diagnosis]:
    states: list[BrokerState] = []

    def told(found: BrokerState, how: Asked) -> Iterator[Diagnosis]:
        states.append(found)
        return rabbitmq.broker(found, how.ms)

    yield from examined("rabbitmq", servers.inspect_broker, told)
    is_blocked = any(state.is_blocked for state in states)
    if settings.rabbitmq_management_url is None:
        yield rabbitmq.unseen()
        yield from rabbitmq.alarms((), is_blocked)
        return

    def ask() -> BrokerCondition:
        management = servers.management()
        assert management is not None  # noqa: S101  both addresses are set
        return management.condition()

    def judged(found: BrokerCondition, how: Asked) -> Iterator[Diagnosis]:
        yield from rabbitmq.condition(found, how.ms, settings)
        yield from rabbitmq.alarms(found.alarms, is_blocked)
        yield from clocks("RabbitMQ", found.now, how.before, how.after)

    yield from examined("rabbitmq-management", ask, judged)


def _redis(servers: Servers) -> Iterator[Diagnosis]:
    def judged(found: tuple[Mapping[str, Any], float], how: Asked) -> Iterator[Diagnosis]:
        information, now = found
        yield from redis.server(information, how.ms)
        yield from clocks("Redis", now, how.before, how.after)

    yield from examined("redis", servers.inspect_redis, judged)


def _neo4j(servers: Servers) -> Iterator[Diagnosis]:
    def judged(found: GraphServer, how: Asked) -> Iterator[Diagnosis]:
        yield from neo4j.server(found, how.ms)
        yield from clocks("Neo4j", found.now, how.before, how.after)

    yield from examined("neo4j", servers.inspect_graph, judged)
