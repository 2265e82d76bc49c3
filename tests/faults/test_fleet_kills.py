"""Workers and servers are killed, stopped and wiped during a run; no file is lost, and none is stored twice."""

import itertools
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy.engine import make_url

from tests.fleet import ALL, BASIC, Fleet, in_order, started
from tests.program import Outcome, reconciles, until
from tests.proxy import Proxy
from tests.servers import OwnServers
from tests.sizes import size

FILES = 40
pytestmark = [pytest.mark.timeout(600)]


@pytest.fixture
def make_fleet(own_servers: OwnServers, tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    """Makes fleets on servers of their own."""
    made: list[Fleet] = []

    def make(services: tuple[str, ...] = BASIC, **environment: str) -> Fleet:
        name = f"fleet{random.randrange(10**6)}"
        made.append(Fleet(tmp_path, started(own_servers, services), name, services, **environment))
        return made[-1]

    yield make
    for fleet in made:
        fleet.__exit__()


def assert_all_done(fleet: Fleet, outcome: Outcome) -> None:
    """The call that followed saw every file done, and the oracle agrees."""
    assert outcome.status == 0, (outcome.errors, outcome.events[-3:])
    assert outcome.summary["done"] == FILES
    assert reconciles(outcome.summary)
    fleet.assert_nothing_lost(FILES)
    fleet.assert_stored_once()


def begun(fleet: Fleet, folder: Path, workers: int = 2) -> "subprocess.Popen[bytes]":
    """A run that is going on: some files are done, most are not."""
    for number in range(workers):
        fleet.worker(f"w{number}")
    process = fleet.follow(folder)
    fleet.until_event("w0", "job_finished")
    return process


def test_killed_workers_cost_nothing_but_time(make_fleet: Callable[..., Fleet], long_files: Path) -> None:
    fleet = make_fleet(ALL)
    process = begun(fleet, long_files, 3)
    dice = random.Random(3)
    for _ in range(size(3, 12)):
        time.sleep(dice.uniform(0.2, 1.0))
        name = f"w{dice.randrange(3)}"
        fleet.stop(name, signal.SIGKILL)
        fleet.worker(name)
    assert_all_done(fleet, fleet.end(process))


def test_a_worker_that_never_comes_back_loses_its_leases(
    make_fleet: Callable[..., Fleet], long_files: Path
) -> None:
    fleet = make_fleet(TONEARM_LEASE_S="3")
    process = begun(fleet, long_files)
    fleet.stop("w0", signal.SIGKILL)
    assert_all_done(fleet, fleet.end(process))
    (lost,) = [worker for worker in fleet.program.run("workers", "--all").events if worker["worker"] == "w0"]
    assert lost["state"] in {"lost", "idle", "working"}, "it could not say goodbye"


def test_rabbitmq_is_killed(
    make_fleet: Callable[..., Fleet], own_servers: OwnServers, long_files: Path
) -> None:
    fleet = make_fleet()
    process = begun(fleet, long_files)
    own_servers.kill("rabbitmq")
    time.sleep(1)
    own_servers.start("rabbitmq")
    assert_all_done(fleet, fleet.end(process))


def test_rabbitmq_comes_back_with_nothing_in_it(
    make_fleet: Callable[..., Fleet], own_servers: OwnServers, long_files: Path
) -> None:
    fleet = make_fleet()
    process = begun(fleet, long_files)
    own_servers.wipe_rabbitmq()
    assert_all_done(fleet, fleet.end(process))


def test_postgresql_is_killed(
    make_fleet: Callable[..., Fleet], own_servers: OwnServers, long_files: Path
) -> None:
    fleet = make_fleet()
    process = begun(fleet, long_files)
    for _ in range(2):
        own_servers.kill("postgres")
        own_servers.start("postgres")
        time.sleep(2)
    assert_all_done(fleet, fleet.end(process))
    assert fleet.query("SELECT max(attempts - uncharged_attempts) FROM jobs") == [(1,)]


AWAY_S = size(20, 120)


@pytest.mark.slow
def test_postgresql_is_away_for_a_while(
    make_fleet: Callable[..., Fleet], own_servers: OwnServers, long_files: Path
) -> None:
    fleet = make_fleet()
    process = begun(fleet, long_files)
    own_servers.stop("postgres")
    until(lambda: len(fleet.events("w0", "breaker_changed")) > 0, 30)
    taken = len(fleet.events("w0", "job_started"))
    time.sleep(AWAY_S)
    assert len(fleet.events("w0", "job_started")) <= taken + 1, "intake pauses"
    own_servers.start("postgres")
    back = time.monotonic()
    done = len(fleet.events("w0", "job_finished"))
    fleet.until_event("w0", "job_finished", 10, more_than=done)
    assert time.monotonic() - back < 10
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
    make_fleet: Callable[..., Fleet], own_servers: OwnServers, long_files: Path
) -> None:
    fleet = make_fleet(ALL)
    process = begun(fleet, long_files)
    redis.Redis.from_url(own_servers.urls["TONEARM_REDIS_URL"]).flushall()
    time.sleep(1)
    own_servers.stop("redis")
    assert_all_done(fleet, fleet.end(process))
    own_servers.start("redis")

    def live() -> bool:
        seen = fleet.program.run("status").events[0]["live"]
        counts = seen and seen["snapshot"] and seen["snapshot"]["runs"]
        return bool(counts) and counts[0]["done"] == FILES

    until(live, 30)


def test_neo4j_is_away_for_the_whole_run_and_catches_up(
    make_fleet: Callable[..., Fleet], own_servers: OwnServers, long_files: Path
) -> None:
    fleet = make_fleet(ALL)
    own_servers.stop("neo4j")
    process = begun(fleet, long_files)
    assert_all_done(fleet, fleet.end(process))
    assert fleet.query("SELECT count(*) FROM files WHERE graph_due_at IS NOT NULL") == [(FILES,)]
    own_servers.start("neo4j")
    until(lambda: fleet.query("SELECT count(*) FROM files WHERE graph_due_at IS NOT NULL") == [(0,)], 90)
    counts = fleet.program.run("graph", "status", check=True).events[0]
    assert counts["neo4j"] == counts["database"], counts


def test_a_worker_that_slept_past_its_lease_stores_nothing(
    make_fleet: Callable[..., Fleet], long_files: Path
) -> None:
    fleet = make_fleet(TONEARM_LEASE_S="3")
    process = begun(fleet, long_files)
    until(lambda: len(fleet.events("w0", "job_started")) > len(fleet.events("w0", "job_finished")))
    sleeper = fleet.process("w0")
    sleeper.send_signal(signal.SIGSTOP)
    outcome = fleet.end(process)
    sleeper.send_signal(signal.SIGCONT)
    time.sleep(5)
    assert_all_done(fleet, outcome)
    assert fleet.stop("w0") == 0
    assert fleet.query("SELECT count(*) FROM jobs WHERE attempts - uncharged_attempts > 1") == [(0,)]


def test_a_network_that_swallows_everything(
    make_fleet: Callable[..., Fleet], own_servers: OwnServers, long_files: Path
) -> None:
    urls = started(own_servers, BASIC)
    database, broker = make_url(urls["TONEARM_DATABASE_URL"]), make_url(urls["TONEARM_RABBITMQ_URL"])
    with (
        Proxy("127.0.0.1", database.port or 5432) as to_database,
        Proxy("127.0.0.1", broker.port or 5672) as to_broker,
    ):
        fleet = make_fleet()
        behind = {
            "TONEARM_DATABASE_URL": database.set(port=to_database.port).render_as_string(hide_password=False),
            "TONEARM_RABBITMQ_URL": broker.set(port=to_broker.port).render_as_string(hide_password=False),
        }
        fleet.worker("far", environment=behind)
        process = fleet.follow(long_files)
        fleet.until_event("far", "job_finished")
        to_database.black_hole()
        to_broker.black_hole()
        time.sleep(25)
        assert process.poll() is None
        done = len(fleet.events("far", "job_finished"))
        to_database.heal()
        to_broker.heal()
        fleet.until_event("far", "job_finished", 30, more_than=done)
        assert_all_done(fleet, fleet.end(process))


def test_a_slow_database_opens_its_breaker_and_loses_nothing(
    make_fleet: Callable[..., Fleet], own_servers: OwnServers, long_files: Path
) -> None:
    database = make_url(own_servers.urls["TONEARM_DATABASE_URL"])
    with Proxy("127.0.0.1", database.port or 5432) as slow:
        fleet = make_fleet(TONEARM_BREAKER_SLOW_CALL_S="0.4", TONEARM_BREAKER_SLOW_RATE="0.5")
        behind = database.set(port=slow.port).render_as_string(hide_password=False)
        fleet.worker("far", environment={"TONEARM_DATABASE_URL": behind})
        process = fleet.follow(long_files)
        fleet.until_event("far", "job_finished")
        slow.delay_s = 0.5
        fleet.until_event("far", "breaker_changed", 60)
        slow.delay_s = 0.0
        assert_all_done(fleet, fleet.end(process))
    changes = in_order(fleet.events("far", "breaker_changed"), "PostgreSQL")
    assert changes[0] == ("closed", "open")


STOPS = size(5, 50)
"""How often all workers are told to stop."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_workers_are_told_to_stop_again_and_again(
    make_fleet: Callable[..., Fleet], long_files: Path
) -> None:
    fleet = make_fleet(TONEARM_GRACE_S="0.2")
    run = fleet.enqueue(long_files)
    dice = random.Random(50)
    names = ("w0", "w1")
    for round_number in range(STOPS):
        if fleet.query("SELECT count(*) FROM jobs WHERE state = 'queued'") == [(0,)]:
            run = fleet.enqueue(long_files, "--fresh")
        before = {name: len(fleet.events(name, "worker_state_changed")) for name in names}
        for name in names:
            fleet.worker(name)
        for name in names:
            fleet.until_event(name, "worker_state_changed", more_than=before[name])
        time.sleep(dice.uniform(0, 0.7))
        began = time.monotonic()
        for name in names:
            fleet.process(name).send_signal(signal.SIGTERM)
        for name in names:
            assert fleet.process(name).wait(15) == 0, (round_number, fleet.said(name)[-2000:])
        assert time.monotonic() - began < 12
        assert fleet.query("SELECT id FROM jobs WHERE state = 'running'") == [], "the rest is given back"
    fleet.settings["TONEARM_GRACE_S"] = "10"
    for name in names:
        fleet.worker(name)
    fleet.finished(run)
    assert fleet.query("SELECT max(attempts - uncharged_attempts) FROM jobs") == [(1,)]
    assert fleet.query("SELECT count(*) FROM files WHERE state != 'done'") == [(0,)]
    fleet.assert_stored_once()
