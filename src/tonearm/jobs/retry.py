"""What follows a failed attempt: another one after a back-off, or quarantine."""

from tonearm.errors import Failure
from tonearm.resilience.backoff import Backoff

INTERRUPTIONS = 20
"""After so many attempts during which the worker itself died the file is quarantined."""


def retry_after(failure: Failure, charged: int, backoff: Backoff) -> float | None:
    """Seconds until the next attempt, or ``None`` for quarantine; ``charged`` counts the attempts so far."""
    return backoff.delay_s(charged) if charged < failure.attempts else None
