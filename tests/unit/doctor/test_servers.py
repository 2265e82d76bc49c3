"""The rules over what servers tell of themselves; real servers are in ``tests/integration/test_doctor_servers.py``."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import pytest

from tonearm.doctor import neo4j, postgresql, rabbitmq, redis
from tonearm.doctor.diagnosis import Diagnosis, Severity
from tonearm.doctor.server_contact import clocks, trouble
from tonearm.doctor.versions import NEO4J, POSTGRESQL, RABBITMQ, REDIS, Supported, judged
from tonearm.graph.server_state import GraphServer
from tonearm.jobs.broker_state import BrokerCondition, BrokerState
from tonearm.library.inspection import PostgresServer
from tonearm.settings import Settings
from tonearm.telemetry.probes import Finding, Status

POSTGRES = PostgresServer(
    version="17.2",
    revision=None,
    pooled=False,
    settings={
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "autovacuum": "on",
        "track_counts": "on",
        "server_encoding": "UTF8",
        "max_connections": "100",
        "superuser_reserved_connections": "3",
        "transaction_timeout": "0",
        "default_transaction_read_only": "off",
    },
    standby=False,
    now=0.0,
    schema="public",
    may_create=True,
    connections=1,
    ours=0,
    lacking=(),
)
BROKER = BrokerState("4.0.5", ("t.jobs", "t.dead"), (), (), is_blocked=False)
CONDITION = BrokerCondition(0.0, (), {}, ())
REDIS_INFORMATION: dict[str, Any] = {
    "redis_version": "7.4.1",
    "used_memory": 1_000_000,
    "maxmemory": 0,
    "maxmemory_policy": "noeviction",
    "role": "master",
    "rdb_last_bgsave_status": "ok",
}


@pytest.fixture
def settings() -> Settings:
    return Settings(namespace="t", call_timeout_s=30)


def wrong(found: Iterable[Diagnosis]) -> set[str]:
    """The ids of what is no fact."""
    return {each.id for each in found if each.severity is not Severity.FACT}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("fsync", "off", "postgresql.fsync"),
        ("full_page_writes", "off", "postgresql.full-page-writes"),
        ("synchronous_commit", "off", "postgresql.commit-asynchronous"),
        ("autovacuum", "off", "postgresql.autovacuum"),
        ("track_counts", "off", "postgresql.autovacuum"),
        ("server_encoding", "SQL_ASCII", "postgresql.encoding"),
        ("transaction_timeout", "29000", "postgresql.timeout"),
        ("default_transaction_read_only", "on", "postgresql.read-only"),
    ],
)
def test_settings_of_postgresql_that_lose_results_or_end_work_are_told(
    name: str, value: str, expected: str, settings: Settings
) -> None:
    assert wrong(postgresql.server(POSTGRES, 1.0, settings)) == set()
    changed = dataclasses.replace(POSTGRES, settings={**POSTGRES.settings, name: value})
    assert wrong(postgresql.server(changed, 1.0, settings)) == {expected}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"standby": True}, "postgresql.read-only"),
        ({"schema": None}, "postgresql.permission"),
        ({"may_create": False}, "postgresql.permission"),
        ({"lacking": ("files", "jobs", "roots", "runs")}, "postgresql.permission"),
        ({"pooled": True}, "postgresql.pgbouncer"),
        ({"version": "16.4"}, "postgresql.version"),
        ({"version": "13.1"}, "postgresql.too-old"),
    ],
)
def test_a_postgresql_that_cannot_be_used_so_is_told(
    change: dict[str, Any], expected: str, settings: Settings
) -> None:
    assert wrong(postgresql.server(dataclasses.replace(POSTGRES, **change), 1.0, settings)) == {expected}


def test_connections_of_all_processes_are_held_against_those_that_are_allowed() -> None:
    busy = dataclasses.replace(POSTGRES, connections=31, ours=20)  # ten of others, and this one
    assert wrong(postgresql.connections(busy, 12, 6)) == set()  # 7 * 12 + 10 of 97
    (found,) = postgresql.connections(busy, 12, 7)
    assert found.id == "postgresql.connections-few"
    assert "106 of 97" in found.detail
    assert "max_connections to 121 or more" in (found.remedy or "")


@pytest.mark.parametrize(
    ("server", "version", "expected"),
    [
        (POSTGRESQL, "17.5", set()),
        (POSTGRESQL, "18", set()),
        (RABBITMQ, "4.1.0", set()),
        (RABBITMQ, "3.13.7", {"rabbitmq.version"}),
        (RABBITMQ, "3.9.1", {"rabbitmq.too-old"}),
        (REDIS, "8.0.2", set()),
        (REDIS, "7.2.4", {"redis.version"}),
        (NEO4J, "2025.01.0", set()),
        (NEO4J, "5.9.0", {"neo4j.version"}),
    ],
)
def test_versions_that_are_older_than_what_is_tested_are_told(
    server: Supported, version: str, expected: set[str]
) -> None:
    assert wrong(judged(server, version)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        ({"present": (), "missing": ("t.jobs", "t.dead")}, set()),  # a worker declares them
        ({"present": ("t.jobs",), "missing": ("t.dead",)}, {"rabbitmq.queue-missing"}),
        (
            {"mismatches": ("RabbitMQ has a queue t.jobs whose x is not so. Delete it",)},
            {"rabbitmq.arguments"},
        ),
    ],
)
def test_what_is_wrong_with_queues_is_told(change: dict[str, Any], expected: set[str]) -> None:
    found = list(rabbitmq.broker(dataclasses.replace(BROKER, **change), 1.0))
    assert wrong(found) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        ({"unbound": ("t.dead",)}, {"rabbitmq.unbound"}),
        ({"policies": {"t.jobs": ("ttl", {"message-ttl": 1000})}}, {"rabbitmq.policy"}),
        (
            {"policies": {"t.jobs.high": ("slow", {"consumer-timeout": 60_000})}},
            {"rabbitmq.consumer-timeout"},
        ),
        ({"policies": {"t.jobs": ("slow", {"consumer-timeout": 3_600_000})}}, set()),
        ({"policies": {"t.dead": ("short", {"max-length": 10})}}, set()),  # dead letters may be dropped
    ],
)
def test_what_the_management_api_tells_is_judged(
    change: dict[str, Any], expected: set[str], settings: Settings
) -> None:
    found = rabbitmq.condition(dataclasses.replace(CONDITION, **change), 1.0, settings)
    assert wrong(found) == expected


@pytest.mark.parametrize(
    ("short", "is_blocked", "expected"),
    [
        ((), False, []),
        ((), True, ["an alarm is in effect: too little memory or disk space; it accepts no messages"]),
        (
            ("memory of rabbit@here",),
            True,
            ["an alarm is in effect: too little memory of rabbit@here; it accepts no messages"],
        ),
    ],
)
def test_an_alarm_is_told_once(short: tuple[str, ...], is_blocked: bool, expected: list[str]) -> None:
    assert [each.detail for each in rabbitmq.alarms(short, is_blocked)] == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        ({"maxmemory": 1_050_000}, {"redis.memory"}),
        ({"maxmemory": 2_000_000}, set()),
        ({"maxmemory": 1_050_000, "maxmemory_policy": "allkeys-lru"}, set()),
        ({"role": "slave"}, {"redis.read-only"}),
        ({"rdb_last_bgsave_status": "err"}, {"redis.read-only"}),
        ({"redis_version": "6.2.1"}, {"redis.version"}),
    ],
)
def test_a_redis_that_refuses_to_be_written_is_told(change: dict[str, Any], expected: set[str]) -> None:
    assert wrong(redis.server({**REDIS_INFORMATION, **change}, 1.0)) == expected


def test_missing_constraints_are_told_once_there_are_tracks() -> None:
    empty = GraphServer("5.26.0", "community", 0.0, 0, ("tonearm_track",))
    assert wrong(neo4j.server(empty, 1.0)) == set()
    assert wrong(neo4j.server(dataclasses.replace(empty, tracks=1), 1.0)) == {"neo4j.constraints"}


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (98.5, set()),
        (101.9, set()),
        (97.9, {"clock.differs"}),
        (103.1, {"clock.differs"}),
    ],
)
def test_a_clock_differs_by_what_the_time_of_the_call_does_not_explain(
    theirs: float, expected: set[str]
) -> None:
    assert wrong(clocks("Redis", theirs, 100.0, 101.0)) == expected


def test_why_a_server_could_not_be_asked_is_told() -> None:
    full = Finding(
        Status.FAIL, 1.0, "ms", "it does not answer: it has too many connections", "start it", "unreachable"
    )
    assert [each.id for each in trouble("postgresql", "PostgreSQL", full)] == [
        "postgresql.connections-exhausted"
    ]
    slow = Finding(Status.WARN, 1500.0, "ms", "it answers, but needed 1.5 s", "look", "slow")
    assert [each.id for each in trouble("neo4j", "Neo4j", slow)] == ["neo4j.slow"]
    assert list(trouble("redis", "Redis", Finding(Status.PASS, 1.0, "ms"))) == []
