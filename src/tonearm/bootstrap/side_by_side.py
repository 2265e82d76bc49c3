"""Makes several calls at the same time, and leaves those behind that do not end."""

import threading
import time
from collections.abc import Callable, Mapping


def unfinished(calls: Mapping[str, Callable[[], None]], limit_s: float) -> list[str]:
    """Make all calls at the same time; returns the names of those that have not ended within ``limit_s``.

    They end with this process.
    """
    threads = [threading.Thread(target=call, name=name, daemon=True) for name, call in calls.items()]
    until = time.monotonic() + limit_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [thread.name for thread in threads if thread.is_alive()]
