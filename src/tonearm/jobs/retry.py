"""What follows a failed attempt: another one after a back-off, or quarantine."""

import random
from dataclasses import dataclass

from tonearm.errors import Failure

INTERRUPTIONS = 20
"""Attempts that may end with the worker's own death before the file is suspected."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015)."""

    base_s: float
    cap_s: float

    def delay_s(self, attempt: int) -> float:
        """A random share of ``base_s`` doubled with each attempt, at most ``cap_s``."""
        return random.uniform(0, min(self.cap_s, self.base_s * 2 ** min(attempt - 1, 30)))  # noqa: S311


def retry_after(failure: Failure, charged: int, backoff: Backoff) -> float | None:
    """Seconds until the next attempt, or ``None`` for quarantine; ``charged`` counts the attempts so far."""
    return backoff.delay_s(charged) if charged < failure.attempts else None
