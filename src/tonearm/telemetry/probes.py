"""Finds out whether the components that a process depends on work, and keeps what was found last.

A probe makes one real call. Each runs in a thread of its own at intervals, so that no answer about the health of the
process waits for a component, and one that hangs delays no other. A call that has not ended after ``LIMIT_S`` counts
as failed from then on.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tonearm.errors import BehindPooler, ConfigurationError, ServiceRefused, StorageUnusable, TonearmError

LIMIT_S = 10.0
EVERY_S = 5.0
FAILING_S = 2.0
SLOW_S = 1.0
"""A server that needs longer than this to answer a probe gets a warning."""


class Status(StrEnum):
    """How a component is. The values are those of the health+json draft."""

    PASS = "pass"  # noqa: S105  no password
    WARN = "warn"  # works, with something that a person may want to look at; or is not known yet
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one call found.

    value, unit: what was measured, such as milliseconds until the answer. output: what is wrong, a sentence without a
    full stop. advice: what to do about it. code: a name of what is wrong, for programs.
    """

    status: Status
    value: float | None
    unit: str
    output: str | None = None
    advice: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about a server that does not answer, and about one that refuses the calls of this program."""

    unavailable: str
    refused: str


@dataclass(frozen=True, slots=True)
class Check:
    """The last finding about a component. Times are seconds since 1970.

    time: when it was found. since: from when on every finding had this status.
    required: whether this process can't do its work while the component fails.
    """

    finding: Finding
    time: float
    since: float
    required: bool


NOT_YET = Finding(Status.WARN, None, "ms", "not checked yet", "ask again in a few seconds")
ANSWERS_SLOWLY = "it answers, but needed {:.1f} s"
REFUSED, UNREACHABLE, SLOW = "refused", "unreachable", "slow"
"""The codes of findings about servers."""
NO_POOLER = "name PostgreSQL itself in TONEARM_DATABASE_URL: connections are pooled by this program already"
SLOW_ADVICE = "look for what keeps it busy, and at the network between it and this host"


def asked(call: Callable[[], object], advice: Advice) -> Finding:
    """The finding of a call of a server; ``call`` raises a TonearmError if it fails.

    A slow call is repeated once, because the first one may have had to connect.
    """
    finding = _asked_once(call, advice)
    return finding if finding.status is not Status.WARN else _asked_once(call, advice)


def _asked_once(call: Callable[[], object], advice: Advice) -> Finding:
    began = time.monotonic()
    try:
        call()
    except TonearmError as error:
        if isinstance(error, BehindPooler):
            return Finding(Status.FAIL, _ms(began), "ms", str(error), NO_POOLER, "pgbouncer")
        refused = isinstance(error, ServiceRefused | ConfigurationError | StorageUnusable)
        what, code = (advice.refused, REFUSED) if refused else (advice.unavailable, UNREACHABLE)
        return Finding(Status.FAIL, _ms(began), "ms", str(error), what, code)
    took_s = time.monotonic() - began
    if took_s > SLOW_S:
        return Finding(Status.WARN, _ms(began), "ms", ANSWERS_SLOWLY.format(took_s), SLOW_ADVICE, SLOW)
    return Finding(Status.PASS, _ms(began), "ms")


class Checks:
    """The last finding about each component of a process. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._checks: dict[str, Check] = {}
        self._unanswered: dict[str, tuple[float, float]] = {}

    def expect(self, component: str, required: bool) -> None:
        """Have a component shown, from before its first finding on."""
        now = self._clock()
        with self._changed:
            self._checks.setdefault(component, Check(NOT_YET, now, now, required))

    def asking(self, component: str, limit_s: float) -> None:
        """Note that a call has begun, which counts as failed when nothing is found within ``limit_s``."""
        with self._changed:
            self._unanswered[component] = (self._clock(), limit_s)

    def found(self, component: str, finding: Finding) -> None:
        """Keep a finding about an expected component."""
        now = self._clock()
        with self._changed:
            self._unanswered.pop(component, None)
            before = self._checks.get(component)
            if before is None:
                return
            same = before.finding.status == finding.status and before.finding is not NOT_YET
            self._checks[component] = Check(finding, now, before.since if same else now, before.required)
            self._changed.notify_all()

    def forget(self, component: str) -> None:
        """Show a component no longer, such as a folder that was taken out of the library."""
        with self._changed:
            self._checks.pop(component, None)
            self._unanswered.pop(component, None)

    def wait_until_known(self, seconds: float) -> None:
        """Wait until every expected component was checked once, at most ``seconds``."""
        with self._changed:
            self._changed.wait_for(self._all_known, seconds)

    def snapshot(self) -> Mapping[str, Check]:
        """What is known of each component, by its name."""
        now = self._clock()
        with self._changed:
            checks = dict(self._checks)
            for component, (began, limit_s) in self._unanswered.items():
                if now - began > limit_s and component in checks:
                    checks[component] = _unanswered(checks[component], began, limit_s)
        return dict(sorted(checks.items()))

    def _all_known(self) -> bool:
        return all(check.finding is not NOT_YET for check in self._checks.values())


class ProbeLoop:
    """Checks one component again and again, in a thread of its own."""

    def __init__(
        self,
        component: str,
        ask: Callable[[], Finding],
        checks: Checks,
        every_s: float = EVERY_S,
        failing_s: float = FAILING_S,
        limit_s: float = LIMIT_S,
        first_s: float = 0.0,
        is_urgent: Callable[[], bool] = lambda: False,
    ) -> None:
        """Times are between the starts of two checks; ``failing_s``: after one that failed. ``first_s``: to the first.

        is_urgent: whether a check is wanted now; asked once a second.
        """
        self._component = component
        self._ask = ask
        self._checks = checks
        self._every_s = every_s
        self._failing_s = min(failing_s, every_s)
        self._limit_s = limit_s
        self._first_s = first_s
        self._is_urgent = is_urgent

    def run(self, stop: threading.Event) -> None:
        """Check at intervals until stopped."""
        due, pause_s = 0.0, self._first_s
        while not stop.wait(pause_s):
            began = time.monotonic()
            if began >= due or self._is_urgent():
                failed = self.check().status is Status.FAIL
                due = began + (self._failing_s if failed else self._every_s)
            pause_s = max(0.0, min(1.0, due - time.monotonic()))

    def check(self) -> Finding:
        """Check once."""
        self._checks.asking(self._component, self._limit_s)
        finding = self._ask()
        self._checks.found(self._component, finding)
        return finding


def _unanswered(check: Check, began: float, limit_s: float) -> Check:
    """What a component's check is while a call of it does not end."""
    since = check.since if check.finding.status is Status.FAIL else began
    advice = check.finding.advice if check.finding.status is Status.FAIL else SLOW_ADVICE
    finding = Finding(Status.FAIL, limit_s * 1000, "ms", f"no answer within {limit_s:.0f} s", advice)
    return Check(finding, began + limit_s, since, check.required)


def _ms(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 2)
