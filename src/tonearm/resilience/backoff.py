"""Calling again what has failed: exponential back-off with jitter, the one formula and the one loop for all of it."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to pause after failures in a row (Brooker, "Exponential Backoff and Jitter", AWS 2015).

    base_s: the longest pause after the first failure; it doubles with each, up to ``cap_s``.
    least: the shortest pause, as a share of the longest: 0 is full jitter, 1 is none.
    """

    base_s: float
    cap_s: float
    least: float = 0.0

    def delay_s(self, failures: int) -> float:
        """Seconds to pause after so many failures in a row, counted from 1."""
        longest = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 30))
        return random.uniform(self.least, 1.0) * longest  # noqa: S311  spreads the return of many, no secret


class Rounds:
    """Iterates until told to stop, with a pause after each round.

    A round counts as failed, and the next one comes after a back-off, unless it has called ``succeeded``.
    """

    def __init__(self, backoff: Backoff, wait: Callable[[float], bool]) -> None:
        """``wait``: waits for seconds, returns at once and truly when told to stop, as ``threading.Event.wait``."""
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
        """This round went well; the next one comes after so many seconds."""
        self._failures = 0
        self._pause_s = next_in_s


def retry(
    call: Callable[[], AnswerT],
    again: Callable[[Exception, int], bool],
    backoff: Backoff,
    wait: Callable[[float], object] = time.sleep,
) -> AnswerT:
    """The answer of a call that is made until it succeeds, with a back-off between two calls.

    ``again``: told what a call has raised, and how many have failed; ``False``: it is raised to the caller.
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
