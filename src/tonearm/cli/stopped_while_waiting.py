"""The end of a process that was stopped while it waited."""

import contextlib
from collections.abc import Iterator

from tonearm.errors import StorageUnavailable
from tonearm.worker.signals import StopSwitch


@contextlib.contextmanager
def ended_by_request(stop: StopSwitch) -> Iterator[None]:
    """A process that is stopped while it waits for its database ends in order, too."""
    try:
        yield
    except StorageUnavailable:
        if not stop.requests:
            raise
