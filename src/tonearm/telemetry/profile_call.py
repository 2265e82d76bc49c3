"""Asks a running worker for a profile and waits for it, as `tonearm profile` does."""

import contextlib
import time
from collections.abc import Callable

from tonearm.errors import StorageError
from tonearm.jobs.profile_requests import CannotProfile, ProfileAnswer, ProfileRequests
from tonearm.names import printable
from tonearm.worker.profile import Profile
from tonearm.worker.stacks import InvalidStacks

BEGIN_S = 10.0
"""Seconds in which a worker has to begin to sample; it looks for requests every two seconds."""
END_S = 15.0
"""Seconds in which it has to send the profile after the time for which it samples."""
POLL_S = 0.25


def ask_for_profile(
    requests: ProfileRequests,
    worker: str,
    child: int | None,
    seconds: float,
    is_alive: Callable[[], bool],
) -> Profile:
    """The profile of a worker. If interrupted, it withdraws the request.

    Raises:
        NotFound: no such worker is at work.
        CannotProfile: it is lost, does not answer in time, ends meanwhile, or refuses.
        StorageError: the database can't be used.
    """
    request = requests.ask(worker, child, seconds)
    try:
        answer = _answered(requests, request, worker, seconds, is_alive)
    finally:
        with contextlib.suppress(StorageError):  # it is deleted after a day
            requests.withdraw(request)
    if answer.profile is None:
        raise CannotProfile(f"{printable(worker)}: {answer.refusal}")
    try:
        return Profile.from_bytes(answer.profile)
    except InvalidStacks as error:
        raise CannotProfile(
            f"the profile that {printable(worker)} has stored can't be read: {error}"
        ) from error


def _answered(
    requests: ProfileRequests, request: int, worker: str, seconds: float, is_alive: Callable[[], bool]
) -> ProfileAnswer:
    """Wait until the worker has ended. Raises ``CannotProfile``."""
    until = time.monotonic() + BEGIN_S
    begun = False
    while True:
        alive = is_alive()  # before the answer is read: a worker that ends meanwhile answers first
        answer = requests.answer_to(request)
        if answer is None:
            raise CannotProfile(f"the request to {printable(worker)} was deleted by another process")
        if answer.profile is not None or answer.refusal is not None:
            return answer
        if not alive:
            raise CannotProfile(f"{printable(worker)} has ended before it could send a profile")
        if answer.begun and not begun:
            begun = True
            until = time.monotonic() + seconds + END_S
        if time.monotonic() > until:
            limit = END_S if begun else BEGIN_S
            done = "sent the profile" if begun else "begun to sample"
            raise CannotProfile(
                f"{printable(worker)} does not answer: it has not {done} within {limit:.0f} s; it may hang as a whole, "
                "or not reach the database"
            )
        time.sleep(POLL_S)
