"""Opens the library for a command, and locates paths of the command line in it."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from tonearm.bootstrap.library import Library, open_library
from tonearm.cli.library_settings import existing_library
from tonearm.cli.nearest import meant_path
from tonearm.errors import NotFound
from tonearm.events.event import Event
from tonearm.events.report import report
from tonearm.events.services import StorageStateChanged
from tonearm.events.states import StorageState
from tonearm.library.roots import Place
from tonearm.names import printable
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.views.liveness import read_liveness

Answer = TypeVar("Answer")


@contextlib.contextmanager
def library(data: str | Path | None) -> Iterator[Library]:
    """The library that the options name, opened. Raises NotFound where there is none."""
    with open_library(existing_library(data)) as opened:
        yield opened


def place_of(app: Library, path: str | None) -> Place | None:
    """The place in the library of a path on the command line.

    Raises:
        NotFound: it does not lie below a folder that was analysed, or is neither in the library nor on the disk.
    """
    if path is None:
        return None
    given = os.fsencode(path)
    place = app.roots.locate(given)
    if place is None:
        meant = "" if os.path.lexists(given) else meant_path(given)
        raise NotFound(f"{printable(path)}: not in the library; `tonearm analyze` it first{meant}")
    if not app.roots.holds(place) and not os.path.lexists(given):
        raise NotFound(f"{printable(path)}: neither in the library nor on the disk{meant_path(given)}")
    return place


def retried(call: Callable[[], Answer], given_up: Callable[[], bool] = lambda: False) -> Answer:
    """Make a call, and repeat it while another transaction conflicts with it or the database does not answer.

    given_up: whether to stop repeating it.
    """

    def waiting(event: Event) -> None:
        if isinstance(event, StorageStateChanged) and event.state is StorageState.WAITING:
            report(f"waiting: {event.reason}")

    return StorageRetry(waiting, given_up)(call)


def is_analysing(app: Library) -> bool:
    """Whether any process is analysing with this library."""
    return read_liveness(app.database).analysing
