"""Probes reach a service while its breaker is open, and move the breaker of a service that nothing else calls."""

from tests.unit.resilience.test_breaker import Service
from tonearm.events.states import BreakerState
from tonearm.resilience.gate import Gate
from tonearm.resilience.probes import ProbeGate


def call(gate: Gate, fails: bool = False) -> None:
    """One call through a gate; fails the test if the gate refuses it."""
    gate.admit()
    if fails:
        gate.failed(0.01, "connection refused")
    else:
        gate.succeeded(0.01)


def test_probes_alone_open_the_breaker_of_an_idle_service_that_fails() -> None:
    service = Service()
    probes = ProbeGate(service.breaker)
    for _ in range(4):
        assert service.breaker.state == BreakerState.CLOSED.value
        call(probes, fails=True)
        service.now += 2
    assert service.breaker.state == BreakerState.OPEN.value


def test_probes_alone_close_the_breaker_of_a_service_that_answers_again() -> None:
    service = Service()
    service.calls("FFFF")
    probes = ProbeGate(service.breaker)
    service.now += 11
    call(probes)
    assert service.breaker.state == BreakerState.HALF_OPEN.value
    call(probes)
    assert service.breaker.state == BreakerState.CLOSED.value


def test_a_probe_passes_an_open_breaker_and_does_not_shorten_its_open_period() -> None:
    service = Service()
    service.calls("FFFF")
    probes = ProbeGate(service.breaker)
    for _ in range(4):
        call(probes)
    assert service.refuses()
    assert service.states == ["closed", "open"]


def test_a_probe_takes_no_trial_call_from_those_that_are_running() -> None:
    service = Service()
    service.calls("FFFF")
    service.now += 11
    service.breaker.admit()
    service.breaker.admit()
    assert not service.breaker.wants_call
    call(ProbeGate(service.breaker), fails=True)
    assert service.breaker.state == BreakerState.HALF_OPEN.value
    service.breaker.succeeded(0.01)
    service.breaker.succeeded(0.01)
    assert service.breaker.state == BreakerState.CLOSED.value


def test_a_probe_that_fails_on_trial_opens_it_again() -> None:
    service = Service()
    service.calls("FFFF")
    service.now += 11
    probes = ProbeGate(service.breaker)
    call(probes, fails=True)
    call(probes, fails=True)
    assert service.breaker.state == BreakerState.OPEN.value


def test_a_breaker_wants_a_call_once_its_open_period_is_over() -> None:
    service = Service()
    assert not service.breaker.wants_call
    service.calls("FFFF")
    assert not service.breaker.wants_call
    service.now += 11
    assert service.breaker.wants_call
