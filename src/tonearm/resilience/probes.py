"""Calls services whose circuit breakers wait for a call, so that no breaker stays half-open while a service is idle."""

import contextlib
import threading
from collections.abc import Callable, Mapping

from tonearm.errors import TonearmError
from tonearm.resilience.breaker import CircuitBreaker

CHECK_S = 1.0


class BreakerProbes:
    """Makes one cheap call of a service when the open period of its breaker is over or a trial call is missing."""

    def __init__(self, probes: Mapping[CircuitBreaker, Callable[[], object]]) -> None:
        """``probes``: a call that passes through the breaker, and raises a TonearmError when it fails."""
        self._probes = dict(probes)

    def run(self, stop: threading.Event) -> None:
        """Check every breaker once a second until stopped."""
        while not stop.wait(CHECK_S):
            self.probe()

    def probe(self) -> None:
        """Call each service whose breaker wants a call."""
        for breaker, call in self._probes.items():
            if breaker.wants_call:
                with contextlib.suppress(TonearmError):  # the breaker has recorded how the call ended
                    call()
