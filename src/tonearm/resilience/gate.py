"""What an adapter sees of the circuit breaker before its service."""

from typing import Protocol


class Gate(Protocol):
    """What stands before a service: asked before each call, told how each went."""

    def admit(self) -> None:
        """Let a call pass, or raise ServiceAway."""

    def succeeded(self, seconds: float) -> None:
        """The call was answered after so many seconds."""

    def failed(self, seconds: float, reason: str) -> None:
        """The service did not answer."""


class Unguarded:
    """A gate that is always open: for SQLite, which is no service."""

    def admit(self) -> None:
        """Let every call pass."""

    def succeeded(self, seconds: float) -> None:
        """Nothing is learned from it."""

    def failed(self, seconds: float, reason: str) -> None:
        """Nothing is learned from it."""
