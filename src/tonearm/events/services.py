"""Facts about the servers that the program uses: whether the database, the broker and the others answer."""

from dataclasses import dataclass

from tonearm.events.event import Event
from tonearm.events.states import BrokerState, CallOutcome, StorageState


@dataclass(frozen=True, slots=True)
class StorageStateChanged(Event):
    """The database can't be used, or can be used again."""

    state: StorageState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class BrokerStateChanged(Event):
    """The broker does not answer, answers again, or is sent again what it lost."""

    state: BrokerState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class BreakerChanged(Event):
    """A circuit breaker went from one state to another: closed, open, half_open."""

    service: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServiceCalled(Event):
    """A server was called. There are many of these, so they are counted and not shown.

    seconds: until it answered; of a transaction, the slowest statement; 0 where the call was refused.
    """

    service: str
    outcome: CallOutcome
    seconds: float
