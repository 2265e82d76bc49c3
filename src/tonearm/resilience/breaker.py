"""A circuit breaker with a time-based sliding window, after resilience4j's CircuitBreaker (its documentation, 2.x).

closed: calls pass; the shares of failed and of slow calls in the window are measured.
open: calls are refused at once, for ``open_s``.
half_open: a few trial calls pass; their outcome decides between closed and open.

It differs in two points. A call that began before the breaker last opened is not counted when it ends, because its
result is outdated. And a half-open breaker whose trial calls do not end in time opens again, while resilience4j by
default waits for them without a limit.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tonearm.errors import CircuitOpen, ServiceUnavailable
from tonearm.events.event import Announce
from tonearm.events.services import BreakerChanged
from tonearm.events.states import BreakerState
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.resilience.rolling_window import Tally, TimeWindow


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens and closes. Rates are shares of the calls in the window, 0 to 1; times are seconds.

    The breaker opens when a rate is reached. slow_call_s: a call that takes longer is slow.
    open_jitter: the open period varies by up to this share, so that processes call again at different times.
    half_open_wait_s: how long trial calls may take together; longer than any single call can.
    """

    window_s: float = 30.0
    minimum_calls: int = 5
    failure_rate: float = 0.5
    slow_call_s: float = 5.0
    slow_rate: float = 0.8
    open_s: float = 5.0
    open_jitter: float = 0.2
    half_open_calls: int = 2
    half_open_wait_s: float = 90.0


class CircuitBreaker:
    """Guards the calls of one service. Safe to use from several threads.

    Only failures of the service count: an error in the data, such as a damaged file, never does.
    """

    def __init__(
        self,
        service: str,
        policy: BreakerPolicy,
        announce: Announce,
        clock: Callable[[], float] = time.monotonic,
        turns: LoopTurns | None = None,
    ) -> None:
        """``turns``: is told while a loop waits for the service."""
        self.service = service
        self.turns = turns or LoopTurns()
        self._policy = policy
        self._announce = announce
        self._clock = clock
        self._lock = threading.Lock()
        self._state = BreakerState.CLOSED
        self._window = TimeWindow(policy.window_s)
        self._trials = Tally()
        self._permits = 0
        self._until = 0.0  # the end of the open period, or of the wait for running trial calls
        self._opened_at = float("-inf")
        self._last_reason = "it did not answer"
        self._unannounced: deque[BreakerChanged] = deque()
        self._announcing = threading.Lock()

    @property
    def state(self) -> BreakerState:
        """The current state. An expired open period ends with the next call."""
        return self._state

    @property
    def wants_call(self) -> bool:
        """Whether it waits for a call: a trial call, or the first call after the open period."""
        with self._lock:
            if self._state == BreakerState.OPEN:
                return self._clock() >= self._until
            return self._state == BreakerState.HALF_OPEN and self._permits > 0

    def admit(self) -> None:
        """Let a call pass, or raise CircuitOpen. ``succeeded`` or ``failed`` must follow for every call that passed."""
        with self._lock:
            now = self._clock()
            if self._state == BreakerState.HALF_OPEN and self._awaited and now >= self._until:
                self._open(now, f"no answer to a trial call within {self._policy.half_open_wait_s:.0f} s")
            if self._state == BreakerState.OPEN and now >= self._until:
                self._half_open()
            refused = self._state == BreakerState.OPEN
            if self._state == BreakerState.HALF_OPEN:
                refused = self._permits == 0
                if not refused:
                    self._until = self._until if self._awaited else now + self._policy.half_open_wait_s
                    self._permits -= 1
            reason = self._last_reason
        self._announce_changes()
        if refused:
            raise CircuitOpen(f"{self.service} is not called for a moment: {reason}")
        self.turns.call_began()

    def succeeded(self, seconds: float) -> None:
        """Record a call that was answered after ``seconds``."""
        self._record(False, seconds, f"it took {seconds:.1f} s to answer")

    def failed(self, seconds: float, reason: str) -> None:
        """Record a call that was not answered, or that the service could not carry out."""
        self._record(True, seconds, reason)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Guard one call. ServiceUnavailable is recorded as a failure; any other exception is not."""
        self.admit()
        began = self._clock()
        try:
            yield
        except ServiceUnavailable as error:
            self.failed(self._clock() - began, str(error))
            raise
        except BaseException:
            self.succeeded(self._clock() - began)
            raise
        self.succeeded(self._clock() - began)

    def _record(self, failed: bool, seconds: float, reason: str) -> None:
        self.turns.call_ended()
        with self._lock:
            now = self._clock()
            if self._state == BreakerState.OPEN or now - seconds <= self._opened_at:
                return  # it began before the breaker opened
            slow = seconds > self._policy.slow_call_s
            if failed or slow:
                self._last_reason = reason
            if self._state == BreakerState.CLOSED:
                if self._exceeds_rates(self._window.add(now, failed, slow), self._policy.minimum_calls):
                    self._open(now, self._summary(self._window.total))
            else:
                self._trials.add(failed, slow)
                if self._exceeds_rates(self._trials, self._policy.half_open_calls):
                    self._open(now, self._summary(self._trials))
                elif self._trials.calls >= self._policy.half_open_calls:
                    self._change(BreakerState.CLOSED, "it answers again")
        self._announce_changes()

    @property
    def _awaited(self) -> bool:
        """Whether a trial call is running."""
        return self._policy.half_open_calls - self._permits > self._trials.calls

    def _exceeds_rates(self, tally: Tally, needed: int) -> bool:
        policy = self._policy
        return tally.calls >= needed and (
            tally.failure_rate >= policy.failure_rate or tally.slow_rate >= policy.slow_rate
        )

    def _summary(self, tally: Tally) -> str:
        if tally.failure_rate >= self._policy.failure_rate:
            kind = f"{tally.failed} of {tally.calls} calls failed"
        else:
            kind = f"{tally.slow} of {tally.calls} calls were slow"
        return f"{kind}: {self._last_reason}"

    def _open(self, now: float, reason: str) -> None:
        jitter = random.uniform(-self._policy.open_jitter, self._policy.open_jitter)  # noqa: S311  not a secret
        self._opened_at = now
        self._until = now + self._policy.open_s * (1 + jitter)
        self._change(BreakerState.OPEN, reason)

    def _half_open(self) -> None:
        self._permits = self._policy.half_open_calls
        self._change(BreakerState.HALF_OPEN, "the open period is over; trying it")

    def _change(self, state: BreakerState, reason: str) -> None:
        before, self._state = self._state, state
        self._window.clear()
        self._trials = Tally()
        self._unannounced.append(BreakerChanged(self.service, before, state, reason))

    def _announce_changes(self) -> None:
        """Announce the changes outside the lock and in order: one thread announces the changes of all threads."""
        while self._unannounced and self._announcing.acquire(blocking=False):
            try:
                while self._unannounced:
                    self._announce(self._unannounced.popleft())
            finally:
                self._announcing.release()
