"""What follows a failed attempt: another one after a back-off, or quarantine."""

from tonearm.errors import Failure
from tonearm.resilience.backoff import Backoff

INTERRUPTIONS = 20
"""Attempts that may end with the worker's own death before the file is suspected."""


def retry_after(failure: Failure, charged: int, backoff: Backoff) -> float | None:
    """Seconds until the next attempt, or ``None`` for quarantine; ``charged`` counts the attempts so far."""
    return backoff.delay_s(charged) if charged < failure.attempts else None
