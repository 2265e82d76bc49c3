"""Calls services whose circuit breakers wait for a call that nobody makes, so that no breaker stays half-open."""

import contextlib
import threading
from collections.abc import Callable, Mapping

from tonearm.errors import TonearmError
from tonearm.resilience.breaker import CircuitBreaker

LOOK_S = 1.0


class BreakerProbes:
    """One cheap call for each service, made when its breaker's open period is over or a trial call is missing."""

    def __init__(self, probes: Mapping[CircuitBreaker, Callable[[], object]]) -> None:
        """``probes``: a call that passes through the breaker, and raises a TonearmError when it fails."""
        self._probes = dict(probes)

    def run(self, stop: threading.Event) -> None:
        """Look once a second until stopped."""
        while not stop.wait(LOOK_S):
            self.probe()

    def probe(self) -> None:
        """Call each service whose breaker wants a call."""
        for breaker, call in self._probes.items():
            if breaker.wants_call:
                with contextlib.suppress(TonearmError):  # the breaker has noted how the call ended
                    call()
