"""Every call that passes a gate is announced, and every call that it refuses."""

import pytest

from tonearm.errors import ServiceUnavailable
from tonearm.events.event import Event
from tonearm.events.services import ServiceCalled
from tonearm.events.states import CallOutcome
from tonearm.resilience.announcing_gate import AnnouncingGate
from tonearm.resilience.gate import Unguarded


class Closed(Unguarded):
    def admit(self) -> None:
        raise ServiceUnavailable("not now")


def test_calls_are_announced_with_how_they_ended() -> None:
    told: list[Event] = []
    gate = AnnouncingGate("Redis", Unguarded(), told.append)
    gate.admit()
    gate.succeeded(0.5)
    gate.admit()
    gate.failed(2.0, "no answer")
    assert told == [
        ServiceCalled("Redis", CallOutcome.SUCCEEDED, 0.5),
        ServiceCalled("Redis", CallOutcome.FAILED, 2.0),
    ]


def test_a_refused_call_is_announced_and_refused() -> None:
    told: list[Event] = []
    with pytest.raises(ServiceUnavailable, match="not now"):
        AnnouncingGate("Redis", Closed(), told.append).admit()
    assert told == [ServiceCalled("Redis", CallOutcome.REFUSED, 0.0)]
