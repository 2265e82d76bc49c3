"""Repeats calls that have failed, with exponential back-off and jitter."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Computes the pause after failures in a row (Brooker, "Exponential Backoff and Jitter", AWS 2015).

    base_s: the longest pause after the first failure; it doubles with each, up to ``cap_s``.
    least: the shortest pause, as a share of the longest: 0 is full jitter, 1 is none.
    """

    base_s: float
    cap_s: float
    least: float = 0.0

    def delay_s(self, failures: int) -> float:
        """Seconds to pause after this number of failures in a row, from 1."""
        longest = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 30))
        return random.uniform(self.least, 1.0) * longest  # noqa: S311  jitter, not a secret


class Rounds:
    """Iterates until stopped, with a pause after each round.

    A round that does not call ``succeeded`` counts as failed, and the next one starts after a back-off.
    """

    def __init__(self, backoff: Backoff, wait: Callable[[float], bool]) -> None:
        """``wait``: waits for seconds; returns ``True`` at once when stopped, as ``threading.Event.wait`` does."""
        self._backoff = backoff
        self._wait = wait
        self._failures = 0
        self._pause_s = 0.0

    def __iter__(self) -> Iterator[int]:
        """The number of failures in a row before each round."""
        pause_s = 0.0
        while not self._wait(pause_s):
            self._failures += 1
            self._pause_s = self._backoff.delay_s(self._failures)
            yield self._failures - 1
            pause_s = self._pause_s

    def succeeded(self, next_in_s: float = 0.0) -> None:
        """Mark this round as successful; the next one starts after ``next_in_s``."""
        self._failures = 0
        self._pause_s = next_in_s


def retry(
    call: Callable[[], AnswerT],
    again: Callable[[Exception, int], bool],
    backoff: Backoff,
    wait: Callable[[float], object] = time.sleep,
) -> AnswerT:
    """Repeat a call until it succeeds, with a back-off between two calls; returns its answer.

    again: called with the exception and the number of failures; the exception is raised if it returns ``False``.
    """
    failures = 0
    while True:
        try:
            return call()
        except Exception as error:
            failures += 1
            if not again(error, failures):
                raise
        wait(backoff.delay_s(failures))
