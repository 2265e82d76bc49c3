"""The thread of a worker that samples where the time goes: when it is asked to, or for the whole of a run."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

from tonearm.errors import StorageError
from tonearm.jobs.profile_requests import ProfileRequest, ProfileRequests
from tonearm.worker.child_sampler import INTERVAL_S
from tonearm.worker.profile import Profile, SampledProcess
from tonearm.worker.sampling_requests import ChildSampling, SampledChildren
from tonearm.worker.thread_sampler import ThreadSampler

POLL_S = 2.0
"""Seconds between two looks at the table of requests."""
ANSWER_S = 3.0
"""Seconds in which children have to send what they have sampled."""

STUCK = "the supervisor's loop did not turn, so the children could not be asked"
BEING_PROFILED = "this run is being profiled as a whole, by `analyze --profile`"

Goes = Callable[[], bool]
"""Whether to go on."""


class WholeRun:
    """A profile of a whole run. ``profile``: once the run has ended, if it came as far as to begin."""

    def __init__(self) -> None:
        self.profile: Profile | None = None


class Profiler:
    """Answers the requests for profiles of this worker."""

    def __init__(
        self,
        requests: ProfileRequests,
        worker: str,
        sampling: ChildSampling,
        whole_run: WholeRun | None = None,
    ) -> None:
        """``whole_run``: the profile to be filled, if the whole run is to be sampled; requests are refused then."""
        self._requests = requests
        self._worker = worker
        self._sampling = sampling
        self._whole_run = whole_run

    def run(self, stop: threading.Event) -> None:
        """Answer requests, one after the other, until stopped."""
        if self._whole_run is not None:
            self._whole_run.profile = self._record(None, stop, self._every_poll(self._refuse))
        while not stop.wait(POLL_S):
            with contextlib.suppress(StorageError):  # whoever asked is told that this worker does not answer
                request = self._requests.next(self._worker)
                if request is not None and self._requests.begin(request):
                    self._answer(request, stop)

    def _answer(self, request: ProfileRequest, stop: threading.Event) -> None:
        until = time.monotonic() + request.seconds
        is_wanted = self._every_poll(lambda: self._requests.is_wanted(request))

        def goes_on() -> bool:
            return time.monotonic() < until and not self._sampling.cannot_find() and is_wanted()

        profile = self._record(request.child, stop, goes_on)
        if request.child is not None and not profile.processes:
            self._requests.answer(request, None, "; ".join(profile.notes))
        else:
            self._requests.answer(request, profile.to_bytes())

    def _refuse(self) -> bool:
        request = self._requests.next(self._worker)
        if request is not None:
            self._requests.answer(request, None, BEING_PROFILED)
        return True

    def _every_poll(self, question: Goes) -> Goes:
        """Ask a question of the database every ``POLL_S``; the answer is yes in between, and while nothing answers."""
        asked_at = time.monotonic()

        def answer() -> bool:
            nonlocal asked_at
            if time.monotonic() < asked_at + POLL_S:
                return True
            asked_at = time.monotonic()
            try:
                return question()
            except StorageError:
                return True

        return answer

    def _record(self, child: int | None, stop: threading.Event, goes_on: Goes) -> Profile:
        """Sample until stopped or not to go on. child: the only process to be sampled, if not all."""
        began_at, began = time.time(), time.monotonic()
        with contextlib.closing(ThreadSampler()) as own:
            self._sampling.begin(child)
            while not stop.wait(INTERVAL_S) and goes_on():
                if child is None:
                    own.sample()
            seconds = time.monotonic() - began
            found = self._sampling.end(ANSWER_S)
        ours = [] if child is not None else [SampledProcess(os.getpid(), False, own.stacks)]
        theirs = [SampledProcess(pid, True, stacks) for pid, stacks in found.stacks.items() if len(stacks)]
        notes = list(_notes(found, child))
        return Profile(self._worker, began_at, seconds, ours + theirs, notes)


def _notes(found: SampledChildren, child: int | None) -> Iterator[str]:
    """What is missing, in sentences."""
    if found.known is None:
        yield STUCK
    elif child is not None and child not in found.stacks:
        others = ", ".join(str(pid) for pid in sorted(found.known)) or "none"
        yield f"there is no child {child} that is ready; children that are: {others}"
    if found.ended:
        count = "one child" if found.ended == 1 else f"{found.ended} children"
        yield f"{count} ended meanwhile; what was sampled since the last file is missing"
    for pid in sorted(found.silent):
        yield f"child {pid} did not answer within {ANSWER_S:.0f} s: it waits for a disk, or its machine is busy"
