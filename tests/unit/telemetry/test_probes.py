"""Probes measure, keep what they found, and do not wait for what hangs."""

import threading
import time

import pytest

from tests.clock import Clock
from tests.program import until
from tonearm.errors import (
    ConfigurationError,
    ServiceRefused,
    StorageUnavailable,
    StorageUnusable,
    TonearmError,
)
from tonearm.telemetry import probes as module
from tonearm.telemetry.probes import Advice, Checks, Finding, ProbeLoop, Status, asked

ADVICE = Advice("start it", "correct its address")
PASS = Finding(Status.PASS, 1.0, "ms")
FAIL = Finding(Status.FAIL, 1.0, "ms", "it does not answer", "start it")


def failing(error: TonearmError) -> Finding:
    def call() -> None:
        raise error

    return asked(call, ADVICE)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_call_that_is_answered_passes_with_its_latency(clock: Clock) -> None:
    found = asked(lambda: clock.sleep(0.02), ADVICE)
    assert (found.status, found.unit, found.output, found.advice) == (Status.PASS, "ms", None, None)
    assert found.value == pytest.approx(20)


def test_a_slow_answer_is_a_warning(clock: Clock) -> None:
    found = asked(lambda: clock.sleep(module.SLOW_S + 0.25), ADVICE)
    assert found.status is Status.WARN
    assert found.output == f"it answers, but needed {module.SLOW_S + 0.25:.1f} s"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (StorageUnavailable("no answer"), "start it"),
        (ServiceRefused("the password is wrong"), "correct its address"),
        (ConfigurationError("redis_url is not an address"), "correct its address"),
        (StorageUnusable("it has no such database"), "correct its address"),
    ],
)
def test_a_failure_is_told_with_what_to_do(error: TonearmError, advice: str) -> None:
    found = failing(error)
    assert (found.status, found.output, found.advice) == (Status.FAIL, str(error), advice)


def test_a_call_that_hangs_counts_as_failed_after_its_limit() -> None:
    now = [100.0]
    checks = Checks(lambda: now[0])
    checks.expect("redis", required=False)
    checks.found("redis", PASS)
    now[0] += 5
    checks.asking("redis", 10.0)
    now[0] += 10
    assert checks.snapshot()["redis"].finding == PASS
    now[0] += 1
    check = checks.snapshot()["redis"]
    assert check.finding.status is Status.FAIL
    assert check.finding.output == "no answer within 10 s"
    assert check.since == 105
    checks.found("redis", PASS)
    assert checks.snapshot()["redis"].finding == PASS


def test_since_is_kept_while_the_status_is_the_same() -> None:
    now = [100.0]
    checks = Checks(lambda: now[0])
    checks.expect("redis", required=False)
    for finding, since in ((PASS, 100), (PASS, 100), (FAIL, 102), (FAIL, 102), (PASS, 104)):
        checks.found("redis", finding)
        assert checks.snapshot()["redis"].since == since
        now[0] += 1


def test_what_is_not_expected_is_not_kept() -> None:
    checks = Checks()
    checks.found("root:1", PASS)
    assert checks.snapshot() == {}
    checks.expect("root:1", required=False)
    checks.forget("root:1")
    assert checks.snapshot() == {}


def test_a_loop_checks_at_intervals_sooner_after_a_failure_and_at_once_when_it_is_urgent() -> None:
    starts: list[float] = []
    urgent = threading.Event()
    stop = threading.Event()

    def ask() -> Finding:
        starts.append(time.monotonic())
        if len(starts) == 3:
            stop.set()
        return FAIL if len(starts) == 1 else PASS

    checks = Checks()
    checks.expect("redis", required=False)
    loop = ProbeLoop("redis", ask, checks, every_s=3600, failing_s=0.05, is_urgent=urgent.is_set)
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    try:
        until(lambda: len(starts) >= 2)
        assert not stop.is_set()
        urgent.set()
        thread.join(60)
    finally:
        stop.set()
    assert len(starts) == 3
    assert starts[1] - starts[0] >= 0.05
