"""A service that is available again is shown as available, even if nothing calls it."""

from tests.unit.resilience.test_breaker import Service
from tonearm.errors import ServiceUnavailable
from tonearm.resilience.breaker import BreakerState
from tonearm.resilience.probes import BreakerProbes


def probes_of(service: Service, fails: bool = False) -> BreakerProbes:
    def call() -> None:
        with service.breaker.guard():
            if fails:
                raise ServiceUnavailable("connection refused")

    return BreakerProbes({service.breaker: call})


def test_a_breaker_is_closed_by_probes_alone_once_its_open_period_is_over() -> None:
    service = Service()
    service.calls("FFFF")
    probes = probes_of(service)
    probes.probe()
    assert service.breaker.state == BreakerState.OPEN.value  # it is left alone
    service.now += 11
    probes.probe()
    assert service.breaker.state == BreakerState.HALF_OPEN.value
    probes.probe()
    assert service.breaker.state == BreakerState.CLOSED.value


def test_a_breaker_that_lacks_its_second_trial_call_gets_it() -> None:
    service = Service()
    service.calls("FFFF")
    service.now += 11
    service.call()
    assert service.breaker.state == BreakerState.HALF_OPEN.value
    probes_of(service).probe()
    assert service.breaker.state == BreakerState.CLOSED.value


def test_a_probe_that_fails_opens_it_again() -> None:
    service = Service()
    service.calls("FFFF")
    service.now += 11
    probes = probes_of(service, fails=True)
    probes.probe()
    probes.probe()
    assert service.breaker.state == BreakerState.OPEN.value


def test_a_closed_breaker_is_not_probed() -> None:
    service = Service()
    service.call()
    service.told.clear()
    probes_of(service, fails=True).probe()
    assert service.breaker.state == BreakerState.CLOSED.value
    assert not service.breaker.wants_call


def test_trial_calls_that_are_out_are_waited_for() -> None:
    service = Service()
    service.calls("FFFF")
    service.now += 11
    service.breaker.admit()
    service.breaker.admit()
    assert not service.breaker.wants_call
