"""Threads beside the work of a process: relays to servers, the reporter, the follower of a worker's row."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

CLOSE_S = 5.0


@contextlib.contextmanager
def running(bodies: Sequence[Callable[[threading.Event], None]]) -> Iterator[None]:
    """Run each body in a thread of its own; at the end set the event that they were given, and wait for them."""
    ending = threading.Event()
    threads = [threading.Thread(target=body, args=(ending,), daemon=True) for body in bodies]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join(CLOSE_S)
