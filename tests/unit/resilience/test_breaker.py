"""An unavailable service is not called for a while, is then tried again, and is not blamed for a bad file."""

import contextlib
import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from tonearm.errors import CircuitOpen, Fault, FileFault, ServiceUnavailable, StorageUnavailable, TonearmError
from tonearm.events.event import Event
from tonearm.events.services import BreakerChanged
from tonearm.events.states import BreakerState
from tonearm.resilience.breaker import BreakerPolicy, CircuitBreaker
from tonearm.resilience.gate import Gate, Unguarded

POLICY = BreakerPolicy(
    window_s=30,
    minimum_calls=4,
    failure_rate=0.5,
    slow_call_s=5,
    slow_rate=0.75,
    open_s=10,
    open_jitter=0,
    half_open_calls=2,
    half_open_wait_s=60,
)


@dataclass
class Service:
    """A breaker with a clock that is moved by hand, and what it announced."""

    policy: BreakerPolicy = POLICY
    now: float = 1000.0
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.breaker = CircuitBreaker("the service", self.policy, self.told.append, lambda: self.now)

    def call(self, fails: bool = False, takes_s: float = 0.01) -> None:
        """One whole call."""
        self.breaker.admit()
        self.now += takes_s
        if fails:
            self.breaker.failed(takes_s, "connection refused")
        else:
            self.breaker.succeeded(takes_s)

    def calls(self, word: str) -> None:
        """Calls in a row: F for one that fails, S for a slow one, anything else for a good one."""
        for letter in word:
            self.call(letter == "F", 6.0 if letter == "S" else 0.01)

    def refuses(self) -> bool:
        """Whether a call is refused; one that is let pass stays without an end."""
        try:
            self.breaker.admit()
        except CircuitOpen:
            return True
        return False

    @property
    def states(self) -> list[str]:
        """The states in the order in which they were announced, the first one too."""
        changes = [event for event in self.told if isinstance(event, BreakerChanged)]
        for earlier, later in itertools.pairwise(changes):
            assert earlier.after == later.before
        return [*(change.before for change in changes[:1]), *(change.after for change in changes)]


@pytest.fixture
def service() -> Service:
    return Service()


def opened(policy: BreakerPolicy = POLICY) -> Service:
    """A service whose breaker has just opened."""
    service = Service(policy)
    service.calls("F" * policy.minimum_calls)
    assert service.breaker.state == BreakerState.OPEN
    return service


def half_open(policy: BreakerPolicy = POLICY) -> Service:
    """A service that is on trial, with one trial call out."""
    service = opened(policy)
    service.now += policy.open_s
    service.breaker.admit()
    assert service.breaker.state == BreakerState.HALF_OPEN
    return service


def test_a_service_that_answers_is_left_closed(service: Service) -> None:
    service.calls("." * 1000)
    assert service.breaker.state == BreakerState.CLOSED
    assert service.told == []


@pytest.mark.parametrize(
    ("calls", "state"),
    [
        ("FFF", "closed"),  # fewer than four say nothing
        ("FFFF", "open"),
        ("FF.", "closed"),
        ("F.F.", "open"),  # half of them: the rate is reached
        ("F...", "closed"),
        ("...FFF", "open"),
        ("....FFF", "closed"),  # three of seven
        ("....FFFF", "open"),
    ],
)
def test_it_opens_when_the_share_of_failures_is_reached(service: Service, calls: str, state: str) -> None:
    service.calls(calls)
    assert service.breaker.state == state


@pytest.mark.parametrize(
    ("calls", "state"), [("SSS", "closed"), ("SSSS", "open"), ("SS.S", "open"), ("S.S.", "closed")]
)
def test_it_opens_when_the_share_of_slow_calls_is_reached(service: Service, calls: str, state: str) -> None:
    service.calls(calls)
    assert service.breaker.state == state


def test_a_call_that_takes_just_as_long_as_allowed_is_not_slow(service: Service) -> None:
    for _ in range(4):
        service.call(takes_s=5.0)
    assert service.breaker.state == BreakerState.CLOSED


def test_slow_failures_count_as_failures_and_as_slow() -> None:
    service = Service(replace(POLICY, failure_rate=1.0))
    for fails, takes_s in ((False, 0.1), (True, 6.0), (True, 6.0), (True, 6.0)):
        service.call(fails, takes_s)
    assert service.breaker.state == BreakerState.OPEN


def test_calls_are_forgotten_after_the_window(service: Service) -> None:
    service.calls("FFF")
    service.now += 31
    service.calls("FFF")
    assert service.states == []
    service.calls("F")
    assert service.states == ["closed", "open"]


def test_calls_within_the_window_are_remembered(service: Service) -> None:
    service.calls("FFF")
    service.now += 28
    service.calls("F")
    assert service.breaker.state == BreakerState.OPEN


def test_good_calls_that_are_forgotten_no_longer_excuse_bad_ones(service: Service) -> None:
    service.calls("." * 100)
    service.now += 25
    service.calls("FF")
    service.now += 6
    service.calls("FF")
    assert service.breaker.state == BreakerState.OPEN


def test_an_open_breaker_refuses_every_call_and_says_why() -> None:
    service = opened()
    with pytest.raises(CircuitOpen, match=r"the service is not called for a moment: connection refused"):
        service.breaker.admit()
    service.now += 9.9
    assert service.refuses()
    assert issubclass(CircuitOpen, ServiceUnavailable)


def test_the_states_come_in_order_when_a_service_goes_and_comes_back() -> None:
    service = opened()
    service.now += 10
    service.calls("..")
    assert service.states == ["closed", "open", "half_open", "closed"]
    reasons = [event.reason for event in service.told if isinstance(event, BreakerChanged)]
    assert reasons == [
        "4 of 4 calls failed: connection refused",
        "the open period is over; trying it",
        "it answers again",
    ]


def test_a_service_that_is_still_away_after_the_open_period_is_left_alone_again() -> None:
    service = opened()
    for _ in range(3):
        service.now += 10
        service.calls("FF")
        assert service.refuses()
    assert service.states == ["closed", *["open", "half_open"] * 3, "open"]


def test_slow_answers_on_trial_do_not_close_it() -> None:
    service = opened()
    service.now += 10
    service.calls("SS")
    assert service.states == ["closed", "open", "half_open", "open"]
    assert "were slow: it took 6.0 s to answer" in str(service.told[-1])


def test_the_rate_decides_on_trial_too() -> None:
    service = opened(replace(POLICY, half_open_calls=3))
    service.now += 10
    service.calls("F..")
    assert service.states[-1] == "closed"


def test_only_so_many_trial_calls_pass_until_they_are_told_of() -> None:
    service = half_open()
    assert [service.refuses() for _ in range(4)] == [False, True, True, True]
    service.breaker.succeeded(0.01)
    assert service.refuses()
    service.breaker.succeeded(0.01)
    assert not service.refuses()
    assert service.breaker.state == BreakerState.CLOSED


def test_trial_calls_that_are_never_told_of_open_it_again() -> None:
    service = half_open()
    service.now += 60
    assert service.refuses()
    assert service.states == ["closed", "open", "half_open", "open"]
    service.now += 10
    service.calls("..")
    assert service.states[-2:] == ["half_open", "closed"]


def test_a_trial_may_come_late_when_nobody_had_anything_to_ask(service: Service) -> None:
    service = half_open()
    service.breaker.succeeded(0.01)
    service.now += 1000
    service.breaker.admit()
    service.now += 59
    assert service.refuses()
    service.breaker.succeeded(59.0)
    assert service.states == ["closed", "open", "half_open", "closed"]


def test_what_failed_before_does_not_count_once_it_is_closed_again() -> None:
    service = opened()
    service.now += 10
    service.calls("..FFF")
    assert service.breaker.state == BreakerState.CLOSED


def test_a_call_that_began_before_it_opened_is_not_taken_for_a_trial() -> None:
    service = Service()
    for _ in range(3):
        service.breaker.admit()  # these hang
    service.calls("FFFF")
    service.now += 10
    service.breaker.admit()
    for _ in range(3):
        service.breaker.failed(10.5, "no answer within 10 s")
    assert service.states[-1] == "half_open"
    service.breaker.succeeded(0.01)
    service.call()
    assert service.states[-1] == "closed"


def test_a_call_that_began_before_it_opened_does_not_open_it_again() -> None:
    service = Service()
    for _ in range(5):
        service.breaker.admit()
    service.calls("FFFF")
    service.now += 10
    service.calls("..")
    service.now += 20
    for _ in range(5):
        service.breaker.failed(31, "no answer within 30 s")
    assert service.breaker.state == BreakerState.CLOSED


def test_open_periods_vary_by_the_jitter_and_no_more() -> None:
    lengths = []
    for _ in range(200):
        service = opened(replace(POLICY, open_jitter=0.2))
        began = service.now
        while service.refuses():
            service.now += 0.05
        lengths.append(service.now - began)
    assert 8.0 <= min(lengths) < 8.8
    assert 11.2 < max(lengths) <= 12.1


@pytest.mark.parametrize(
    "error", [FileFault(Fault.EMPTY_FILE), TonearmError("x"), ValueError("x"), KeyboardInterrupt()]
)
def test_other_errors_never_count(service: Service, error: BaseException) -> None:
    for _ in range(20):
        with pytest.raises(type(error)), service.breaker.guard():
            raise error
    assert service.told == []


def test_a_guarded_call_that_finds_the_service_away_counts(service: Service) -> None:
    for _ in range(4):
        with pytest.raises(StorageUnavailable), service.breaker.guard():
            raise StorageUnavailable("gone")
    assert service.states == ["closed", "open"]
    with pytest.raises(CircuitOpen), service.breaker.guard():
        raise AssertionError("not reached")


def test_a_guarded_call_is_timed(service: Service) -> None:
    for _ in range(4):
        with service.breaker.guard():
            service.now += 7
    assert service.states == ["closed", "open"]


def test_memory_does_not_grow_with_the_number_of_calls(service: Service) -> None:
    for _ in range(50_000):
        service.call(takes_s=0.001)
    window = service.breaker._window
    assert window.total.calls > 20_000
    assert len(window._parts) <= 31


def test_many_threads_see_no_more_trial_calls_than_allowed() -> None:
    service = opened(replace(POLICY, half_open_calls=3))
    service.now += 10
    passed: list[int] = []
    together(16, lambda number: None if service.refuses() else passed.append(number))
    assert len(passed) == 3


def test_many_threads_lose_no_call_and_announce_in_order() -> None:
    service = Service(replace(POLICY, open_s=1e-9, window_s=1e9))

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(400):
            with contextlib.suppress(CircuitOpen):
                service.breaker.admit()
                if chance.random() < 0.5:
                    service.breaker.failed(0.0, "no")
                else:
                    service.breaker.succeeded(0.0)
            service.now += 0.001

    together(8, work)
    assert len(service.states) > 3  # and each follows from the one before: see states
    closed = Service(replace(POLICY, window_s=1e9))
    together(8, lambda _: closed.calls("." * 500))
    assert closed.breaker._window.total.calls == 4000


def test_a_subscriber_may_use_the_service_it_is_told_of() -> None:
    told: list[str] = []
    now = [0.0]

    def announce(event: Event) -> None:
        assert isinstance(event, BreakerChanged)
        told.append(event.after)
        with contextlib.suppress(CircuitOpen):
            breaker.admit()
            breaker.succeeded(0.0)

    breaker = CircuitBreaker("x", replace(POLICY, minimum_calls=1), announce, lambda: now[0])
    breaker.failed(0.0, "no")
    now[0] += 10
    breaker.admit()
    breaker.succeeded(0.0)
    assert told == ["open", "half_open", "closed"]


def test_a_breaker_is_a_gate() -> None:
    gates: list[Gate] = [Service().breaker, Unguarded()]
    for gate in gates:
        gate.admit()
        gate.succeeded(0.1)
        gate.admit()
        gate.failed(0.1, "away")
        gate.admit()


def together(count: int, work: Callable[[int], None]) -> None:
    """Run the work in so many threads that begin at once."""
    start = threading.Barrier(count)
    errors: list[BaseException] = []

    def begin(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  told to the test below
            errors.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not errors
