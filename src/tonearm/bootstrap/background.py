"""The background threads of a process: relays to servers, the reporter, the heartbeat."""

import contextlib
from collections.abc import Iterator, Mapping

from tonearm.events.event import Announce
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.resilience.threads import Body, SupervisedThreads

CLOSE_S = 5.0


@contextlib.contextmanager
def running(bodies: Mapping[str, Body], announce: Announce, turns: LoopTurns | None = None) -> Iterator[None]:
    """Run each body in a supervised thread of its name; at the end ask them to end, and wait for them.

    turns: where the turns of the bodies are noted.
    """
    threads = SupervisedThreads(announce, turns)
    for name, body in bodies.items():
        threads.start(name, body)
    try:
        yield
    finally:
        threads.close(CLOSE_S)
