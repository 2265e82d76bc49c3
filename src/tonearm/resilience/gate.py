"""The circuit breaker of a service, as its adapter sees it."""

from typing import Protocol


class Gate(Protocol):
    """Asked before each call of a service, and informed how each ended."""

    def admit(self) -> None:
        """Let a call pass, or raise ServiceUnavailable."""

    def succeeded(self, seconds: float) -> None:
        """The call was answered; it took ``seconds``."""

    def failed(self, seconds: float, reason: str) -> None:
        """The service did not answer."""


class Unguarded:
    """A gate that is always open: for SQLite, which is not a service."""

    def admit(self) -> None:
        """Let every call pass."""

    def succeeded(self, seconds: float) -> None:
        """Nothing is recorded."""

    def failed(self, seconds: float, reason: str) -> None:
        """Nothing is recorded."""
