"""A circuit breaker with a time-based sliding window, after resilience4j's CircuitBreaker (its documentation, 2.x).

closed: calls pass and are judged by the share of failures and of slow calls in the window.
open: calls are refused at once, for a while.
half_open: so many trial calls pass; how they go decides between closed and open.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from tonearm.errors import ServiceAway
from tonearm.events import Announce, BreakerChanged


class BreakerState(StrEnum):
    """Where a breaker is."""

    CLOSED = "closed"  # calls pass
    OPEN = "open"  # calls are refused
    HALF_OPEN = "half_open"  # a few calls pass on trial


class CircuitOpen(ServiceAway):
    """The call was refused: the service has failed too often lately."""


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens and closes. Rates are shares of the calls in the window, 0 to 1; times are seconds.

    open_jitter: the open period is varied by this share either way, so that many processes don't return as one.
    """

    window_s: float = 30.0
    minimum_calls: int = 5
    failure_rate: float = 0.5
    slow_call_s: float = 5.0
    slow_rate: float = 0.8
    open_s: float = 5.0
    open_jitter: float = 0.2
    half_open_calls: int = 2


@dataclass(frozen=True, slots=True)
class _Call:
    at: float
    failed: bool
    slow: bool


class CircuitBreaker:
    """Stands before one service. Safe to use from several threads.

    Only what the service did is told to it: an error in the data, such as a damaged file, never counts.
    """

    def __init__(
        self,
        service: str,
        policy: BreakerPolicy,
        announce: Announce,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self._policy = policy
        self._announce = announce
        self._clock = clock
        self._lock = threading.Lock()
        self._state = BreakerState.CLOSED
        self._calls: deque[_Call] = deque()
        self._open_until = 0.0
        self._permits = 0
        self._last_reason = "it did not answer"

    @property
    def state(self) -> BreakerState:
        """Where it is now."""
        return self._state

    def admit(self) -> None:
        """Let a call pass, or raise CircuitOpen. Every call that passed is to be told as succeeded or failed."""
        with self._lock:
            now = self._clock()
            changed = None
            if self._state == BreakerState.OPEN and now >= self._open_until:
                changed = self._turn(BreakerState.HALF_OPEN, "the open period is over; trying it")
            refused = self._state == BreakerState.OPEN
            if self._state == BreakerState.HALF_OPEN:
                if self._permits > 0:
                    self._permits -= 1
                elif now >= self._open_until:  # trial calls that were never told of are not waited for
                    self._permits = self._policy.half_open_calls - 1
                    self._open_until = now + self._policy.open_s
                else:
                    refused = True
        self._tell(changed)
        if refused:
            raise CircuitOpen(f"{self.service} is left alone for a moment: {self._last_reason}")

    def succeeded(self, seconds: float) -> None:
        """A call was answered after so many seconds."""
        self._record(False, seconds, "")

    def failed(self, seconds: float, reason: str) -> None:
        """A call was not answered, or the service said that it can't."""
        self._record(True, seconds, reason)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """One call: ServiceAway counts against the service, everything else does not."""
        self.admit()
        began = self._clock()
        try:
            yield
        except ServiceAway as error:
            self.failed(self._clock() - began, str(error))
            raise
        except BaseException:
            self.succeeded(self._clock() - began)
            raise
        self.succeeded(self._clock() - began)

    def _record(self, failed: bool, seconds: float, reason: str) -> None:
        with self._lock:
            now = self._clock()
            if failed:
                self._last_reason = reason
            slow = seconds >= self._policy.slow_call_s
            if slow and not failed:
                self._last_reason = f"it took {seconds:.1f} s to answer"
            if self._state == BreakerState.OPEN:  # a call that began before it opened
                return
            self._calls.append(_Call(now, failed, slow))
            changed = self._judge(now)
        self._tell(changed)

    def _judge(self, now: float) -> BreakerChanged | None:
        policy = self._policy
        if self._state == BreakerState.CLOSED:
            while self._calls and self._calls[0].at <= now - policy.window_s:
                self._calls.popleft()
            needed = policy.minimum_calls
        else:
            needed = policy.half_open_calls
        count = len(self._calls)
        if count < needed:
            return None
        failures = sum(call.failed for call in self._calls) / count
        slow = sum(call.slow for call in self._calls) / count
        if failures >= policy.failure_rate or slow >= policy.slow_rate:
            jitter = random.uniform(-policy.open_jitter, policy.open_jitter)  # noqa: S311  not a secret
            self._open_until = now + policy.open_s * (1 + jitter)
            kind = f"{failures:.0%} failed" if failures >= policy.failure_rate else f"{slow:.0%} were slow"
            return self._turn(BreakerState.OPEN, f"of {count} calls {kind}: {self._last_reason}")
        if self._state == BreakerState.HALF_OPEN:
            return self._turn(BreakerState.CLOSED, "it answers again")
        return None

    def _turn(self, state: BreakerState, reason: str) -> BreakerChanged:
        before, self._state = self._state, state
        self._calls.clear()
        if state == BreakerState.HALF_OPEN:
            self._permits = self._policy.half_open_calls
            self._open_until = self._clock() + self._policy.open_s
        return BreakerChanged(self.service, before, state, reason)

    def _tell(self, changed: BreakerChanged | None) -> None:
        if changed is not None:
            self._announce(changed)
