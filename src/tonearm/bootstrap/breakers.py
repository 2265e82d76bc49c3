"""Makes the circuit breakers of the services that the settings name."""

from collections.abc import Iterable, Mapping

from tonearm.events.event import Announce
from tonearm.resilience.announcing_gate import AnnouncingGate
from tonearm.resilience.breaker import BreakerPolicy, CircuitBreaker
from tonearm.resilience.gate import Gate
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.settings import Settings


def make_breakers(
    services: Iterable[str], settings: Settings, announce: Announce, turns: LoopTurns
) -> dict[str, CircuitBreaker]:
    """One breaker for each service."""
    policy = BreakerPolicy(
        window_s=settings.breaker_window_s,
        minimum_calls=settings.breaker_minimum_calls,
        failure_rate=settings.breaker_failure_rate,
        slow_call_s=settings.breaker_slow_call_s,
        slow_rate=settings.breaker_slow_rate,
        open_s=settings.breaker_open_s,
        half_open_calls=settings.breaker_half_open_calls,
    )
    return {name: CircuitBreaker(name, policy, announce, turns=turns) for name in services}


def announcing_gates(breakers: Mapping[str, CircuitBreaker], announce: Announce) -> dict[str, Gate]:
    """The gate of each breaker, which announces every call."""
    return {name: AnnouncingGate(name, breaker, announce) for name, breaker in breakers.items()}
