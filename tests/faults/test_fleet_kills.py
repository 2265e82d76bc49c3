"""Workers and servers are killed, stopped and wiped during a run; no file is lost, and none is stored twice."""

import itertools
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import redis

from tests.fleet import ALL, BASIC, Fleet, in_order, started
from tests.program import MANY, READ_MB_S, Outcome, reconciles, until
from tests.proxy import proxy_of, through
from tests.servers import FleetUrls, OwnServers
from tests.sizes import size

pytestmark = [pytest.mark.timeout(600)]


@pytest.fixture
def make_fleet(tmp_path: Path, namespace: str, fleet_urls: FleetUrls) -> Iterator[Callable[..., Fleet]]:
    """Makes a fleet on the servers that all tests share, or on those of ``urls``."""
    made: list[Fleet] = []

    def make(
        services: tuple[str, ...] = BASIC, urls: Mapping[str, str] | None = None, **environment: str
    ) -> Fleet:
        addresses = fleet_urls(
            service for service in services if f"TONEARM_{service}_URL" not in (urls or {})
        )
        made.append(
            Fleet(
                tmp_path,
                addresses | dict(urls or {}),
                namespace,
                services,
                TONEARM_READ_MB_S=str(READ_MB_S),
                **environment,
            )
        )
        return made[-1]

    yield make
    for fleet in made:
        fleet.__exit__()


@pytest.fixture
def make_own_fleet(own_servers: OwnServers, make_fleet: Callable[..., Fleet]) -> Callable[..., Fleet]:
    """Makes a fleet on a PostgreSQL and a RabbitMQ of its own."""

    def make() -> Fleet:
        return make_fleet(urls=started(own_servers, BASIC))

    return make


def assert_all_done(fleet: Fleet, outcome: Outcome) -> None:
    """The call that followed saw every file done, and the oracle agrees."""
    assert outcome.status == 0, (outcome.errors, outcome.events[-3:])
    assert outcome.summary["done"] == MANY
    assert reconciles(outcome.summary)
    fleet.assert_nothing_lost(MANY)
    fleet.assert_stored_once()


def begun(fleet: Fleet, folder: Path, workers: int = 2) -> "subprocess.Popen[bytes]":
    """A run that is going on: some files are done, most are not."""
    for number in range(workers):
        fleet.worker(f"w{number}")
    process = fleet.follow(folder)
    fleet.until_event("w0", "job_finished")
    return process


def test_killed_workers_cost_nothing_but_time(make_fleet: Callable[..., Fleet], many_files: Path) -> None:
    fleet = make_fleet(ALL)
    process = begun(fleet, many_files)
    dice = random.Random(3)
    for number in range(size(2, 12)):
        time.sleep(dice.uniform(0.2, 1.0))
        fleet.stop(f"w{number % 2}", signal.SIGKILL)
        fleet.worker(f"w{number % 2}")
    assert_all_done(fleet, fleet.end(process))


def test_a_worker_that_never_comes_back_loses_its_leases(
    make_fleet: Callable[..., Fleet], many_files: Path
) -> None:
    fleet = make_fleet(TONEARM_LEASE_S="5")
    process = begun(fleet, many_files)
    fleet.stop("w0", signal.SIGKILL)
    assert_all_done(fleet, fleet.end(process))
    (lost,) = [worker for worker in fleet.program.run("workers", "--all").events if worker["worker"] == "w0"]
    assert lost["state"] in {"lost", "idle", "working"}, "it could not say goodbye"


def test_rabbitmq_is_killed_and_comes_back_with_all_and_then_with_nothing(
    make_own_fleet: Callable[..., Fleet], own_servers: OwnServers, many_files: Path
) -> None:
    fleet = make_own_fleet()
    process = begun(fleet, many_files)
    own_servers.kill("rabbitmq")
    own_servers.start("rabbitmq")
    done = len(fleet.events("w0", "job_finished"))
    fleet.until_event("w0", "job_finished", more_than=done)
    own_servers.wipe_rabbitmq()
    assert_all_done(fleet, fleet.end(process))


def test_postgresql_is_killed(
    make_own_fleet: Callable[..., Fleet], own_servers: OwnServers, many_files: Path
) -> None:
    fleet = make_own_fleet()
    process = begun(fleet, many_files)
    for _ in range(2):
        own_servers.kill("postgres")
        own_servers.start("postgres")
        done = len(fleet.events("w0", "job_finished"))
        fleet.until_event("w0", "job_finished", more_than=done)
    assert_all_done(fleet, fleet.end(process))
    assert fleet.query("SELECT max(attempts - uncharged_attempts) FROM jobs") == [(1,)]


AWAY_S = size(5, 120)


@pytest.mark.slow
def test_postgresql_is_away_for_a_while(
    make_own_fleet: Callable[..., Fleet], own_servers: OwnServers, many_files: Path
) -> None:
    fleet = make_own_fleet()
    process = begun(fleet, many_files)
    own_servers.stop("postgres")
    fleet.until_event("w0", "breaker_changed")
    taken = len(fleet.events("w0", "job_started"))
    time.sleep(AWAY_S)
    assert len(fleet.events("w0", "job_started")) <= taken + 1, "intake pauses"
    own_servers.start("postgres")
    done = len(fleet.events("w0", "job_finished"))
    fleet.until_event("w0", "job_finished", more_than=done)
    assert_all_done(fleet, fleet.end(process))
    assert fleet.query("SELECT max(attempts - uncharged_attempts) FROM jobs") == [(1,)], (
        "no attempt is charged"
    )
    changes = in_order(fleet.events("w0", "breaker_changed"), "PostgreSQL")
    assert changes[0] == ("closed", "open")
    assert changes[-2:] == [("open", "half_open"), ("half_open", "closed")]
    for (_, after), (before, _) in itertools.pairwise(changes):
        assert after == before, changes


def test_redis_is_flushed_and_stopped(
    make_fleet: Callable[..., Fleet], own_servers: OwnServers, many_files: Path
) -> None:
    own_servers.up("redis")
    redis_url = own_servers.urls["TONEARM_REDIS_URL"]
    fleet = make_fleet((*BASIC, "REDIS"), {"TONEARM_REDIS_URL": redis_url})
    process = begun(fleet, many_files)
    with redis.Redis.from_url(redis_url) as server:
        server.flushall()
        until(lambda: server.dbsize() > 0)
    own_servers.stop("redis")
    assert_all_done(fleet, fleet.end(process))
    own_servers.start("redis")

    def live() -> bool:
        seen = fleet.program.run("status").events[0]["live"]
        counts = seen and seen["snapshot"] and seen["snapshot"]["runs"]
        return bool(counts) and counts[0]["done"] == MANY

    until(live)


def test_neo4j_is_away_for_the_whole_run_and_catches_up(
    make_fleet: Callable[..., Fleet], neo4j_url: str, many_files: Path
) -> None:
    with proxy_of(neo4j_url) as proxy:
        proxy.reset()
        fleet = make_fleet(ALL, {"TONEARM_NEO4J_URL": through(proxy, neo4j_url)})
        process = begun(fleet, many_files)
        assert_all_done(fleet, fleet.end(process))
        due = "SELECT count(*) FROM files WHERE graph_due_at IS NOT NULL"
        assert fleet.query(due) == [(MANY,)]
        proxy.heal()
        until(lambda: fleet.query(due) == [(0,)], 120)
        counts = fleet.program.run("graph", "status", check=True).events[0]
        assert counts["neo4j"] == counts["database"], counts


def test_a_worker_that_slept_past_its_lease_stores_nothing(
    make_fleet: Callable[..., Fleet], many_files: Path
) -> None:
    fleet = make_fleet(TONEARM_LEASE_S="5")
    process = begun(fleet, many_files)
    until(lambda: len(fleet.events("w0", "job_started")) > len(fleet.events("w0", "job_finished")))
    sleeper = fleet.process("w0")
    sleeper.send_signal(signal.SIGSTOP)
    outcome = fleet.end(process)
    sleeper.send_signal(signal.SIGCONT)
    assert fleet.stop("w0") == 0
    assert_all_done(fleet, outcome)
    assert fleet.query("SELECT count(*) FROM jobs WHERE attempts - uncharged_attempts > 1") == [(0,)]


def test_a_network_that_swallows_everything(make_fleet: Callable[..., Fleet], many_files: Path) -> None:
    fleet = make_fleet(TONEARM_CONNECT_TIMEOUT_S="1", TONEARM_CALL_TIMEOUT_S="2")
    database, broker = fleet.urls["TONEARM_DATABASE_URL"], fleet.urls["TONEARM_RABBITMQ_URL"]
    with proxy_of(database) as to_database, proxy_of(broker) as to_broker:
        behind = {
            "TONEARM_DATABASE_URL": through(to_database, database),
            "TONEARM_RABBITMQ_URL": through(to_broker, broker),
        }
        fleet.worker("far", environment=behind)
        process = fleet.follow(many_files)
        fleet.until_event("far", "job_finished")
        to_database.black_hole()
        to_broker.black_hole()
        time.sleep(size(8, 25))
        assert process.poll() is None
        done = len(fleet.events("far", "job_finished"))
        to_database.heal()
        to_broker.heal()
        fleet.until_event("far", "job_finished", more_than=done)
        assert_all_done(fleet, fleet.end(process))


def test_a_slow_database_opens_its_breaker_and_loses_nothing(
    make_fleet: Callable[..., Fleet], many_files: Path
) -> None:
    fleet = make_fleet(TONEARM_BREAKER_SLOW_CALL_S="0.4", TONEARM_BREAKER_SLOW_RATE="0.5")
    database = fleet.urls["TONEARM_DATABASE_URL"]
    with proxy_of(database) as slow:
        fleet.worker("far", environment={"TONEARM_DATABASE_URL": through(slow, database)})
        process = fleet.follow(many_files)
        fleet.until_event("far", "job_finished")
        slow.delay_s = 0.5
        fleet.until_event("far", "breaker_changed")
        slow.delay_s = 0.0
        assert_all_done(fleet, fleet.end(process))
    changes = in_order(fleet.events("far", "breaker_changed"), "PostgreSQL")
    assert changes[0] == ("closed", "open")


STOPS = size(3, 50)
"""How often all workers are told to stop."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_workers_are_told_to_stop_again_and_again(
    make_fleet: Callable[..., Fleet], many_files: Path
) -> None:
    fleet = make_fleet(TONEARM_GRACE_S="0.2")
    run = fleet.enqueue(many_files)
    dice = random.Random(50)
    names = ("w0", "w1")
    for round_number in range(STOPS):
        if fleet.query("SELECT count(*) FROM jobs WHERE state = 'queued'") == [(0,)]:
            run = fleet.enqueue(many_files, "--fresh")
        before = {name: len(fleet.events(name, "worker_state_changed")) for name in names}
        for name in names:
            fleet.worker(name)
        for name in names:
            fleet.until_event(name, "worker_state_changed", more_than=before[name])
        time.sleep(dice.uniform(0, 0.7))
        for name in names:
            fleet.process(name).send_signal(signal.SIGTERM)
        for name in names:
            assert fleet.process(name).wait(60) == 0, (round_number, fleet.said(name)[-2000:])
        assert fleet.query("SELECT id FROM jobs WHERE state = 'running'") == [], "the rest is given back"
    fleet.settings["TONEARM_GRACE_S"] = "10"
    for name in names:
        fleet.worker(name)
    fleet.finished(run)
    assert fleet.query("SELECT max(attempts - uncharged_attempts) FROM jobs") == [(1,)]
    assert fleet.query("SELECT count(*) FROM files WHERE state != 'done'") == [(0,)]
    fleet.assert_stored_once()
