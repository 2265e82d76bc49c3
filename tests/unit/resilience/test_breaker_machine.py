"""In any order of calls the breaker is in the state that its policy requires."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tonearm.errors import CircuitOpen
from tonearm.events.event import Event
from tonearm.events.services import BreakerChanged
from tonearm.resilience.breaker import BreakerPolicy, CircuitBreaker
from tonearm.resilience.rolling_window import PARTS

ALLOWED = {("closed", "open"), ("open", "half_open"), ("half_open", "open"), ("half_open", "closed")}


@dataclass
class Ended:
    """A call that was judged."""

    at: float
    failed: bool
    slow: bool


class Breaker(RuleBasedStateMachine):
    """Overlapping calls: each is admitted, lasts for some time, and is recorded."""

    @initialize(
        minimum=st.integers(1, 4),
        trials=st.integers(1, 3),
        failure_rate=st.sampled_from([0.25, 0.5, 1.0]),
        slow_rate=st.sampled_from([0.5, 1.0]),
    )
    def begin(self, minimum: int, trials: int, failure_rate: float, slow_rate: float) -> None:
        self.policy = BreakerPolicy(
            window_s=30.0,
            minimum_calls=minimum,
            failure_rate=failure_rate,
            slow_call_s=5.0,
            slow_rate=slow_rate,
            open_s=8.0,
            open_jitter=0.0,
            half_open_calls=trials,
            half_open_wait_s=40.0,
        )
        self.now = 100.5
        self.told: list[Event] = []
        self.breaker = CircuitBreaker("x", self.policy, self.told.append, lambda: self.now)
        self.out: list[float] = []  # when the calls began that are not told of yet
        self.state = "closed"
        self.ended: list[Ended] = []
        self.permits = 0
        self.until = 0.0
        self.opened_at = -1.0

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        if self.state == "half_open" and self._awaited() and self.now >= self.until:
            self._open()
        if self.state == "open" and self.now >= self.until:
            self.state, self.ended = "half_open", []
            self.permits = self.policy.half_open_calls
        passes = self.state == "closed" or (self.state == "half_open" and self.permits > 0)
        try:
            self.breaker.admit()
        except CircuitOpen:
            assert not passes
        else:
            assert passes
            if self.state == "half_open":
                self.until = self.until if self._awaited() else self.now + self.policy.half_open_wait_s
                self.permits -= 1
            self.out.append(self.now)

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 99), failed=st.booleans())
    def tell(self, which: int, failed: bool) -> None:
        began = self.out.pop(which % len(self.out))
        seconds = self.now - began
        if failed:
            self.breaker.failed(seconds, "no")
        else:
            self.breaker.succeeded(seconds)
        if self.state != "open" and began > self.opened_at:
            self.ended.append(Ended(self.now, failed, seconds > self.policy.slow_call_s))
            self._judge()

    def _awaited(self) -> bool:
        return self.policy.half_open_calls - self.permits > len(self.ended)

    def _judge(self) -> None:
        part = self.policy.window_s / PARTS
        calls = [
            call
            for call in self.ended
            if self.state == "half_open" or call.at // part > self.now // part - PARTS
        ]
        needed = self.policy.minimum_calls if self.state == "closed" else self.policy.half_open_calls
        if len(calls) < needed:
            return
        failed = sum(call.failed for call in calls) / len(calls)
        slow = sum(call.slow for call in calls) / len(calls)
        if failed >= self.policy.failure_rate or slow >= self.policy.slow_rate:
            self._open()
        elif self.state == "half_open":
            self.state, self.ended = "closed", []

    def _open(self) -> None:
        self.state, self.ended = "open", []
        self.opened_at, self.until = self.now, self.now + self.policy.open_s

    @invariant()
    def it_is_where_the_policy_says(self) -> None:
        if hasattr(self, "breaker"):
            assert self.breaker.state == self.state

    @invariant()
    def every_change_is_announced_once_and_in_order(self) -> None:
        before = "closed"
        for event in getattr(self, "told", []):
            assert isinstance(event, BreakerChanged)
            assert event.before == before
            assert (event.before, event.after) in ALLOWED
            before = str(event.after)
        if hasattr(self, "breaker"):
            assert self.breaker.state == before


TestBreaker = Breaker.TestCase
TestBreaker.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
