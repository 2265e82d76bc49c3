"""Decides what follows a failed attempt: another attempt after a back-off, or quarantine."""

from typing import TYPE_CHECKING

from tonearm.errors import Failure

if TYPE_CHECKING:
    from tonearm.resilience.backoff import Backoff

MAX_INTERRUPTIONS = 20
"""Number of attempts ended by the death of their worker after which the file is quarantined."""
MAX_TRANSIENT_ATTEMPTS = 4
"""Number of attempts at a file whose failure may be temporary, such as an error of the disk."""


def retry_after(failure: Failure, charged: int, backoff: "Backoff") -> float | None:
    """Seconds until the next attempt, or ``None`` for quarantine; ``charged``: number of charged attempts so far."""
    return backoff.delay_s(charged) if charged < failure.max_attempts else None
