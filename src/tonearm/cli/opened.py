"""The way from a command to an opened library, and what commands ask of one."""

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tonearm.bootstrap.library import Library, open_library
from tonearm.cli.options import chosen_settings
from tonearm.errors import NotFound
from tonearm.events.facts import Event, StateChanged
from tonearm.jobs.liveness import read_liveness
from tonearm.library.data_folder import require_library
from tonearm.library.roots import Place
from tonearm.names import printable, to_bytes
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.settings import Settings
from tonearm.worker.signals import StopSwitch

Answer = TypeVar("Answer")


def settings_of(data: str | Path | None, **overrides: object) -> Settings:
    """The settings with what the options say. Lists add to the setting, all else replaces it."""
    given = {"data_dir": data, **overrides}
    settings = chosen_settings(
        {name: value for name, value in given.items() if not isinstance(value, list | tuple)}
    ).settings
    added: dict[str, Any] = {
        name: (*getattr(settings, name), *value)
        for name, value in given.items()
        if isinstance(value, list | tuple)
    }
    return dataclasses.replace(settings, **added)


def existing_library(data: str | Path | None) -> Settings:
    """The settings of a library that a command looks at. Raises NotFound where there is none: looking makes none."""
    settings = settings_of(data)
    if settings.database_url is None:
        require_library(settings.data_dir)
    return settings


@contextlib.contextmanager
def library(data: str | Path | None) -> Iterator[Library]:
    """The library that the options name, opened. Raises NotFound where there is none."""
    with open_library(existing_library(data)) as opened:
        yield opened


@contextlib.contextmanager
def enter_patiently(
    opened: Callable[[], contextlib.AbstractContextManager[Answer]], stop: StopSwitch
) -> Iterator[Answer]:
    """Enter what opens a library to work with it; wait for a database that is unavailable until asked to stop."""
    with contextlib.ExitStack() as parts:
        yield retried(lambda: parts.enter_context(opened()), lambda: stop.requests > 0)


def place_of(app: Library, path: str | None) -> Place | None:
    """Where a path of the command line lies in the library.

    Raises:
        NotFound: it lies below no folder that was ever analysed.
    """
    if path is None:
        return None
    place = app.roots.locate(to_bytes(path))
    if place is None:
        raise NotFound(f"{printable(path)}: not in the library; `tonearm analyze` it first")
    return place


def retried(call: Callable[[], Answer], stopping: Callable[[], bool] = lambda: False) -> Answer:
    """The answer to an order, in spite of another transaction in the way or a server that is away for a moment."""

    def tell(event: Event) -> None:
        if isinstance(event, StateChanged) and event.state == "waiting":
            sys.stderr.write(f"tonearm: waiting: {event.reason}\n")

    return StorageRetry(tell, stopping)(call)


def is_analysing(app: Library) -> bool:
    """Whether any process is analysing with this library."""
    return read_liveness(app.database).analysing
