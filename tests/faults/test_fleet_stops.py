"""Every step of the shutdown in docs/explanation/stopping.md, on a library that several hosts share."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fleet import ALL, BASIC, Fleet
from tests.program import MANY, READ_MB_S, alive, children_of, kill, reconciles, until, wait_for
from tests.proxy import Proxy, proxy_of, through
from tests.servers import FleetUrls

pytestmark = [pytest.mark.timeout(600)]


@pytest.fixture
def fleet(tmp_path: Path, namespace: str, fleet_urls: FleetUrls) -> Iterator[Fleet]:
    """A fleet whose workers need half a second for a file."""
    with Fleet(tmp_path, fleet_urls(BASIC), namespace, TONEARM_READ_MB_S=str(2 * READ_MB_S)) as made:
        yield made


@pytest.fixture
def proxies(fleet_urls: FleetUrls) -> Iterator[dict[str, Proxy]]:
    """A proxy before each server, by the name of the variable of its address."""
    with ExitStack() as opened:
        yield {name: opened.enter_context(proxy_of(url)) for name, url in fleet_urls(ALL).items()}


@pytest.fixture
def far_fleet(
    tmp_path: Path, namespace: str, fleet_urls: FleetUrls, proxies: dict[str, Proxy]
) -> Iterator[Fleet]:
    """A fleet that works with every server, each behind a proxy."""
    urls = {name: through(proxies[name], url) for name, url in fleet_urls(ALL).items()}
    with Fleet(tmp_path, urls, namespace, ALL, TONEARM_READ_MB_S=str(2 * READ_MB_S)) as made:
        yield made


def at_work(fleet: Fleet, folder: Path) -> int:
    """A run with one worker that has finished a file and is analysing another one; returns the run."""
    run = fleet.enqueue(folder)
    fleet.worker("w0", 2)
    fleet.until_event("w0", "job_finished")
    until(lambda: len(fleet.events("w0", "job_started")) > len(fleet.events("w0", "job_finished")))
    return run


def stop_children(fleet: Fleet) -> None:
    """Stop the children of the worker with a file in each, which none of them can finish."""
    for child in children_of(fleet.process("w0").pid):
        kill(child, signal.SIGSTOP)
    time.sleep(1)  # what a child sent before it was stopped is stored, and it is given the next file
    until(lambda: len(fleet.events("w0", "job_started")) - len(fleet.events("w0", "job_finished")) == 2)


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_and_says_goodbye(
    fleet: Fleet, many_files: Path
) -> None:
    at_work(fleet, many_files)
    children = children_of(fleet.process("w0").pid)
    assert fleet.stop("w0") == 0
    assert not any(alive(child) for child in children)
    states = [event["state"] for event in fleet.events("w0", "worker_state_changed")]
    assert states == ["working", "stopping", "ended"]
    begun = [event for event in fleet.events("w0", "job_returned") if event["run_s"] > 0]
    assert begun == [], "the grace was long enough to finish what a child had"
    assert fleet.query("SELECT count(*) FROM jobs WHERE state = 'running'") == [(0,)]
    (row,) = fleet.query("SELECT ended_at IS NOT NULL, done FROM workers WHERE name = 'w0'")
    assert row == (True, len(fleet.events("w0", "job_finished")))


def test_what_does_not_end_within_the_grace_is_given_back_at_no_charge(
    fleet: Fleet, many_files: Path
) -> None:
    fleet.program.environment["TONEARM_GRACE_S"] = "0"
    run = at_work(fleet, many_files)
    stop_children(fleet)
    assert fleet.stop("w0") == 0
    assert fleet.events("w0", "job_returned"), "it had files being analysed"
    assert fleet.query("SELECT max(attempts - uncharged_attempts) FROM jobs WHERE state = 'queued'") == [(0,)]
    fleet.worker("w1", 2)
    fleet.finished(run)
    fleet.assert_nothing_lost(MANY)
    fleet.assert_stored_once()


def test_a_second_signal_stops_at_once(fleet: Fleet, many_files: Path) -> None:
    fleet.program.environment["TONEARM_GRACE_S"] = "1000"
    run = at_work(fleet, many_files)
    stop_children(fleet)
    fleet.process("w0").send_signal(signal.SIGTERM)
    time.sleep(1)
    assert fleet.process("w0").poll() is None, "it waits for what runs"
    began = time.monotonic()
    assert fleet.stop("w0", seconds=100) == 0
    assert time.monotonic() - began < 100, "the grace is far from over"
    fleet.worker("w1", 2)
    fleet.finished(run)
    fleet.assert_nothing_lost(MANY)


def test_a_worker_that_is_drained_ends_by_itself_and_another_goes_on(fleet: Fleet, many_files: Path) -> None:
    run = at_work(fleet, many_files)
    fleet.worker("w1")
    drained = fleet.program.run("workers", "drain", "w0", "--wait", "--timeout", "60s", check=True)
    assert drained.events == [{"worker": "w0", "state": "ended"}]
    assert fleet.process("w0").wait(60) == 0
    assert "draining" in [event["state"] for event in fleet.events("w0", "worker_state_changed")]
    fleet.finished(run)
    fleet.assert_nothing_lost(MANY)
    fleet.assert_stored_once()


def test_a_worker_stops_while_the_database_is_away_and_the_next_waits_for_it(
    far_fleet: Fleet, proxies: dict[str, Proxy], many_files: Path
) -> None:
    fleet = far_fleet
    fleet.program.environment["TONEARM_GRACE_S"] = "2"
    run = at_work(fleet, many_files)
    proxies["TONEARM_DATABASE_URL"].reset()
    fleet.until_event("w0", "storage_state_changed")
    assert fleet.stop("w0", seconds=100) == 0
    next_one = fleet.worker("w0", 2)
    until(lambda: "waiting: " in fleet.log("w0").read_text())
    proxies["TONEARM_DATABASE_URL"].heal()
    fleet.finished(run)
    assert next_one.poll() is None
    fleet.assert_nothing_lost(MANY)
    assert fleet.query("SELECT max(attempts - uncharged_attempts) FROM jobs") == [(1,)]


def test_a_worker_stops_while_the_broker_the_live_view_and_the_graph_are_away(
    far_fleet: Fleet, proxies: dict[str, Proxy], many_files: Path
) -> None:
    fleet = far_fleet
    run = at_work(fleet, many_files)
    away = [proxy for name, proxy in proxies.items() if name != "TONEARM_DATABASE_URL"]
    for proxy in away:
        proxy.reset()
    assert fleet.stop("w0", seconds=100) == 0
    assert fleet.query("SELECT count(*) FROM jobs WHERE state = 'running'") == [(0,)]
    for proxy in away:
        proxy.heal()
    fleet.worker("w1", 2)
    fleet.finished(run)
    fleet.assert_nothing_lost(MANY)
    fleet.assert_stored_once()


def test_a_call_that_follows_can_be_left_and_the_workers_go_on(fleet: Fleet, many_files: Path) -> None:
    fleet.worker("w0", 2)
    process = fleet.follow(many_files)
    wait_for(process, "remote_job_finished")
    process.send_signal(signal.SIGINT)
    outcome = fleet.end(process)
    assert outcome.status == 130
    assert outcome.summary["pending"] > 0
    assert reconciles(outcome.summary)
    run = outcome.summary["run"]
    fleet.finished(run)
    fleet.assert_nothing_lost(MANY)
    until(lambda: fleet.query("SELECT state FROM runs WHERE id = %s", run) == [("finished",)])


def test_a_call_that_is_killed_while_it_follows_takes_nothing_with_it(fleet: Fleet, many_files: Path) -> None:
    fleet.worker("w0", 2)
    process = fleet.follow(many_files)
    run = wait_for(process, "workload_known")["run"]  # every file is enqueued
    process.kill()
    fleet.finished(run)
    fleet.assert_nothing_lost(MANY)
    until(lambda: fleet.query("SELECT state FROM runs WHERE id = %s", run) == [("finished",)])
