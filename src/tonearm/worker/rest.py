"""Decides when a worker rests, that is takes no jobs: by hours, by the load of the machine and by its battery.

Each rule says whether to rest; the first that does so applies. What changes is announced.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tonearm.events.event import Announce
from tonearm.events.rests import WorkerResting, WorkerResumed, WorkTimesKnown
from tonearm.events.states import RestCode
from tonearm.settings.work_hours import HourRange, work_times

LOOK_S = 1.0
"""Seconds between two looks at the rules."""
LONG_S = 60.0
"""Seconds of rest after which idle children are ended, as their memory is of use to others."""
ASK_S = 5.0
"""Seconds between two questions to the database whether the work of a resting worker is over."""
HOURS_S = 3600.0
"""Seconds after which times to come are computed again, as a person may have changed the clock."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Why a worker takes no jobs now. until: when that ends, as a Unix time; ``None``: nobody knows."""

    code: RestCode
    reason: str
    until: int | None = None


class RestRule(Protocol):
    """A reason to rest."""

    def rest(self, now: float) -> Rest | None:
        """The rest that the rule asks for at a Unix time; called about once a second."""


class RestWatch:
    """Whether a worker rests now."""

    def __init__(
        self,
        rules: Sequence[RestRule] = (),
        worker: str = "",
        announce: Announce = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``clock``: gives Unix times, and may be set by a person at any moment."""
        self._rules = rules
        self._worker = worker
        self._announce = announce
        self._clock = clock
        self._looked_at = float("-inf")
        self._rest: Rest | None = None
        self._since = 0.0
        self._asked_at = float("-inf")

    @property
    def resting(self) -> bool:
        """Whether no job may be taken."""
        return self._rest is not None

    @property
    def is_long(self) -> bool:
        """Whether the rest has lasted for a while."""
        return self._rest is not None and self._clock() - self._since > LONG_S

    def turn(self) -> bool:
        """Look at the rules if it is time, announce what has changed, and return whether the worker rests."""
        now = self._clock()
        if self._rules and abs(now - self._looked_at) >= LOOK_S:
            self._looked_at = now
            found = next((rest for rule in self._rules if (rest := rule.rest(now)) is not None), None)
            if found != self._rest:
                self._change(found, now)
        return self.resting

    def may_ask(self) -> bool:
        """Whether to ask the database now whether the work is over; not often during a rest."""
        now = self._clock()
        if self.resting and abs(now - self._asked_at) < ASK_S:
            return False
        self._asked_at = now
        return True

    def _change(self, found: Rest | None, now: float) -> None:
        before, self._rest = self._rest, found
        if before is None:
            self._since = now
        if found is not None:
            self._announce(WorkerResting(self._worker, found.code, found.reason, found.until))
        elif before is not None:
            self._announce(WorkerResumed(self._worker, before.code, max(0.0, now - self._since)))


class HoursRule:
    """Rests outside the hours in which the worker is to work."""

    def __init__(self, ranges: Sequence[HourRange], worker: str, announce: Announce) -> None:
        """``announce``: gets the times to come, every hour and when they are not those expected before."""
        self._ranges = ranges
        self._worker = worker
        self._announce = announce
        self._computed_at = float("-inf")
        self._times: tuple[tuple[int, int], ...] = ()

    def rest(self, now: float) -> Rest | None:
        """Rest until the hours begin."""
        if abs(now - self._computed_at) >= HOURS_S or (self._times and self._times[0][1] <= now):
            self._computed_at = now
            self._times = work_times(self._ranges, now)
            self._announce(WorkTimesKnown(self._worker, self._times))
        begin = self._times[0][0] if self._times else None
        if begin is not None and begin <= now:
            return None
        return Rest(RestCode.HOURS, "outside the hours of work_hours", begin)
