"""``/health`` fails when a loop is stuck and only then; ``/ready`` tells which component does not work, and why."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clock import Clock
from tests.program import until
from tonearm.resilience.breaker import BreakerPolicy, CircuitBreaker
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.resilience.threads import SupervisedThreads
from tonearm.telemetry.health import Liveness, Readiness
from tonearm.telemetry.http import Request, Response
from tonearm.telemetry.probes import Checks, Finding, Status

STUCK_S = 30.0
REQUEST = Request("/health")


def document(response: Response) -> dict[str, Any]:
    assert response.content_type == "application/health+json"
    found: dict[str, Any] = json.loads(response.body)
    assert (found["status"] == "fail") == (response.status == 503)
    return found


class Loops:
    """Background threads that a test can block."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.turns = LoopTurns(self.clock)
        self.threads = SupervisedThreads(lambda _: None, self.turns)
        self.released = threading.Event()
        self.blocked = threading.Event()

    def start(self, name: str, blocks: bool) -> None:
        def body(stop: threading.Event) -> None:
            while not stop.wait(0.01):
                if blocks and not self.released.is_set():
                    self.blocked.set()
                    self.released.wait()

        self.threads.start(name, body)


@pytest.fixture
def loops() -> Iterator[Loops]:
    loops = Loops()
    yield loops
    loops.released.set()
    loops.threads.close(60)


def test_a_planted_blocking_call_is_found_by_its_loop_and_its_end_is_noticed(loops: Loops) -> None:
    health = Liveness(loops.turns, STUCK_S)
    loops.start("relay", blocks=True)
    loops.start("heartbeat", blocks=False)
    assert loops.blocked.wait(60)
    assert health(REQUEST).status == 200
    loops.clock.now += STUCK_S + 1
    until(
        lambda: health(REQUEST).body.count(b"no turn for 30 s: relay") == 1
    )  # the heartbeat has turned again
    found = document(health(REQUEST))
    assert found["status"] == "fail"
    [relay], [heartbeat] = found["checks"]["loop:relay"], found["checks"]["loop:heartbeat"]
    assert (relay["status"], heartbeat["status"]) == ("fail", "pass")
    assert relay["observedValue"] >= STUCK_S
    assert relay["observedUnit"] == "s"
    assert "restart" in relay["advice"]
    loops.released.set()
    until(lambda: health(REQUEST).status == 200)


def test_a_loop_that_waits_for_a_server_is_alive() -> None:
    now = [0.0]
    turns = LoopTurns(lambda: now[0])
    breaker = CircuitBreaker("PostgreSQL", BreakerPolicy(), lambda _: None, turns=turns)
    health = Liveness(turns, 30.0, 120.0)
    turns.turned("supervisor")
    with breaker.guard():
        now[0] += 65
        found = document(health(REQUEST))
        assert found["status"] == "pass"
        assert found["checks"]["loop:supervisor"][0]["output"] == "waiting for a server for 65.0 s"
        now[0] += 60
        assert health(REQUEST).status == 503  # no call may take so long
    now[0] += 29
    assert health(REQUEST).status == 200
    now[0] += 2
    assert health(REQUEST).status == 503


def test_a_process_without_loops_is_alive() -> None:
    assert document(Liveness(LoopTurns())(REQUEST)) == {
        "status": "pass",
        "version": "1",
        "releaseId": document(Liveness(LoopTurns())(REQUEST))["releaseId"],
        "checks": {},
    }


def ready(checks: Checks) -> dict[str, Any]:
    return document(Readiness(checks, first_s=0.0)(Request("/ready")))


PASS = Finding(Status.PASS, 1.5, "ms")
FAIL = Finding(Status.FAIL, 3.0, "ms", "it does not answer", "start it")
WARN = Finding(Status.WARN, None, "ms", "it looks\nunmounted", "mount it")


@pytest.mark.parametrize(
    ("required", "optional", "status"),
    [
        (PASS, PASS, "pass"),
        (PASS, WARN, "warn"),
        (PASS, FAIL, "warn"),
        (WARN, PASS, "warn"),
        (FAIL, PASS, "fail"),
        (FAIL, FAIL, "fail"),
    ],
)
def test_only_a_required_component_that_fails_makes_the_process_not_ready(
    required: Finding, optional: Finding, status: str
) -> None:
    checks = Checks()
    checks.expect("postgresql", required=True)
    checks.expect("redis", required=False)
    checks.found("postgresql", required)
    checks.found("redis", optional)
    assert ready(checks)["status"] == status


def test_a_component_is_told_with_what_was_measured_since_when_and_what_to_do() -> None:
    now = [1_000_000_000.0]
    checks = Checks(lambda: now[0])
    checks.expect("redis", required=False)
    checks.found("redis", PASS)
    now[0] += 5
    checks.found("redis", FAIL)
    now[0] += 2.5
    checks.found("redis", FAIL)
    found = ready(checks)
    assert found["output"] == "see redis"
    assert found["checks"] == {
        "redis": [
            {
                "status": "fail",
                "observedValue": 3.0,
                "observedUnit": "ms",
                "time": "2001-09-09T01:46:47.500Z",
                "since": "2001-09-09T01:46:45.000Z",
                "output": "it does not answer",
                "advice": "start it",
                "required": False,
            }
        ]
    }


def test_what_was_not_checked_yet_is_a_warning_and_is_waited_for() -> None:
    checks = Checks()
    checks.expect("children", required=True)
    found = ready(checks)
    assert found["status"] == "warn"
    assert found["checks"]["children"][0]["output"] == "not checked yet"
    later = threading.Timer(0.05, lambda: checks.found("children", PASS))
    later.start()
    assert document(Readiness(checks, first_s=60.0)(Request("/ready")))["status"] == "pass"
    later.join()


def test_control_characters_in_what_a_component_tells_are_escaped() -> None:
    checks = Checks()
    checks.expect("root:1", required=False)
    checks.found("root:1", WARN)
    assert ready(checks)["checks"]["root:1"][0]["output"] == "it looks\\nunmounted"
