"""Announces the calls of a service and how they ended."""

from tonearm.errors import ServiceUnavailable
from tonearm.events.event import Announce
from tonearm.events.services import ServiceCalled
from tonearm.events.states import CallOutcome
from tonearm.resilience.gate import Gate


class AnnouncingGate:
    """A gate that announces every call that passes through another gate, and every call that this one refuses."""

    def __init__(self, service: str, gate: Gate, announce: Announce) -> None:
        self._service = service
        self._gate = gate
        self._announce = announce

    def admit(self) -> None:
        """Let a call pass, or raise ServiceUnavailable."""
        try:
            self._gate.admit()
        except ServiceUnavailable:
            self._announce(ServiceCalled(self._service, CallOutcome.REFUSED, 0.0))
            raise

    def succeeded(self, seconds: float) -> None:
        """Record a call that was answered after ``seconds``."""
        self._gate.succeeded(seconds)
        self._announce(ServiceCalled(self._service, CallOutcome.SUCCEEDED, seconds))

    def failed(self, seconds: float, reason: str) -> None:
        """Record a call that was not answered after ``seconds``; ``reason``: a sentence."""
        self._gate.failed(seconds, reason)
        self._announce(ServiceCalled(self._service, CallOutcome.FAILED, seconds))
