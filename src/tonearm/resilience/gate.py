"""The port through which the adapter of a service uses its circuit breaker."""

from typing import Protocol


class Gate(Protocol):
    """Admits calls of a service, and records how they ended."""

    def admit(self) -> None:
        """Let a call pass, or raise ServiceUnavailable."""

    def succeeded(self, seconds: float) -> None:
        """Record a call that was answered after ``seconds``."""

    def failed(self, seconds: float, reason: str) -> None:
        """Record a call that was not answered after ``seconds``; ``reason``: a sentence."""


class Unguarded:
    """A gate that admits every call: for SQLite, which is not a service."""

    def admit(self) -> None:
        """Let every call pass."""

    def succeeded(self, seconds: float) -> None:
        """Record nothing."""

    def failed(self, seconds: float, reason: str) -> None:
        """Record nothing."""
