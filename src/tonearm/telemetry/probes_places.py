"""Checks the places that may hang, such as a folder on a network mount whose server does not answer.

A process of its own looks at all places, one after the other. When a place does not answer in time, the process is
killed, and a new one looks at the others. A process that hangs in the kernel can't be killed; while there is one for a
place, no other is started for that place.
"""

import contextlib
import json
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tonearm.names import from_document
from tonearm.resilience.processes import end, started
from tonearm.telemetry.probes import Checks
from tonearm.telemetry.probes_findings import Place, finding_of, hung

LIMIT_S = 3.0
EVERY_S = 20.0
START_S = 10.0
"""Seconds that the process may need to start."""
LOOK_S = 0.2
KILLED_S = 1.0
"""Seconds to wait for a process that was killed."""


class PlacesLoop:
    """Checks all places of this process at intervals."""

    def __init__(
        self,
        places: Callable[[], Sequence[Place]],
        checks: Checks,
        every_s: float = EVERY_S,
        limit_s: float = LIMIT_S,
        answered: Callable[[Place, Mapping[str, Any]], None] = lambda *_: None,
    ) -> None:
        """``places``: what to check, asked before each round. ``limit_s``: how long one place may take.

        answered: gets each answer as it comes, with what it tells beside the finding.
        """
        self._places = places
        self._checks = checks
        self._every_s = every_s
        self._limit_s = limit_s
        self._answered = answered
        self._known: frozenset[str] = frozenset()
        self._hung: dict[str, subprocess.Popen[bytes]] = {}
        self._looks_at = b""

    def run(self, stop: threading.Event) -> None:
        """Check at intervals until stopped."""
        pause_s = 0.0
        while not stop.wait(pause_s):
            began = time.monotonic()
            self.check(stop)
            pause_s = max(0.0, began + self._every_s - time.monotonic())

    def check(self, stop: threading.Event) -> None:
        """Check every place once; a stop ends that early."""
        places = self._expected()
        self._hung = {name: process for name, process in self._hung.items() if process.poll() is None}
        left = [place for place in places if place.component not in self._hung]
        while left and not stop.wait(0):
            answered = self._ask(left, stop)
            if answered < len(left) and not stop.is_set():
                place = left[answered]
                self._checks.found(place.component, hung(place, self._looks_at, self._limit_s))
            left = left[answered + 1 :]

    def _expected(self) -> Sequence[Place]:
        places = self._places()
        now = frozenset(place.component for place in places)
        for component in self._known - now:
            self._checks.forget(component)
        for place in places:
            self._checks.expect(place.component, place.required)
        self._known = now
        return places

    def _ask(self, places: Sequence[Place], stop: threading.Event) -> int:
        """Ask a new process about places, and keep its answers; returns how many of them it has answered."""
        process = started("tonearm.telemetry.probes_process")
        try:
            with contextlib.suppress(BrokenPipeError):
                _send(process, places)
            answers = _Lines(process)
            has_started = answers.next(START_S, stop) is not None
            for number, place in enumerate(places):
                self._looks_at = place.path
                answer = answers.next(self._limit_s, stop) if has_started else None
                while answer is not None and "folder" in answer:
                    self._looks_at = from_document(answer["folder"])
                    answer = answers.next(self._limit_s, stop)
                if answer is None:
                    self._hung[place.component] = process
                    return number
                self._checks.found(place.component, finding_of(place, answer))
                self._answered(place, answer)
            return len(places)
        finally:
            _end(process)


def _send(process: subprocess.Popen[bytes], places: Sequence[Place]) -> None:
    assert process.stdin is not None  # noqa: S101  it is a pipe
    for place in places:
        process.stdin.write(json.dumps(place.question()).encode("ascii") + b"\n")
    process.stdin.close()


class _Lines:
    """The lines that a process writes, each waited for with a limit."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101  it is a pipe
        self._descriptor = process.stdout.fileno()
        self._received = b""

    def next(self, seconds: float, stop: threading.Event) -> dict[str, Any] | None:
        """The next answer; ``None`` when it does not come in time or before the stop, or the process has ended."""
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            while b"\n" not in self._received:
                if selector.select(LOOK_S):
                    piece = os.read(self._descriptor, 65_536)
                    if not piece:
                        return None
                    self._received += piece
                elif stop.is_set() or time.monotonic() > until:
                    return None
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process; one that hangs in the kernel is left, and ends by itself when its place answers."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    end(process, KILLED_S)
