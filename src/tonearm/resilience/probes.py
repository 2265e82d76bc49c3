"""Lets probes pass a circuit breaker, and lets the breaker learn from them.

A probe calls a service at intervals to find out whether it answers. It makes a call also while the breaker is open. A
call that the breaker would have admitted counts like any other: so the breaker of a service that nothing else calls
opens when the service fails, and closes when it answers again.
"""

from tonearm.errors import CircuitOpen
from tonearm.resilience.breaker import CircuitBreaker


class ProbeGate:
    """The gate of the probes of one service, which are made one at a time. Admits every call."""

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._counts = False

    def admit(self) -> None:
        """Let the call pass; take one of the breaker's trial calls if it has any."""
        try:
            self._breaker.admit()
            self._counts = True
        except CircuitOpen:
            self._breaker.turns.call_began()
            self._counts = False

    def succeeded(self, seconds: float) -> None:
        """Record a call that was answered after ``seconds``."""
        if self._counts:
            self._breaker.succeeded(seconds)
        else:
            self._breaker.turns.call_ended()

    def failed(self, seconds: float, reason: str) -> None:
        """Record a call that was not answered after ``seconds``; ``reason``: a sentence."""
        if self._counts:
            self._breaker.failed(seconds, reason)
        else:
            self._breaker.turns.call_ended()
