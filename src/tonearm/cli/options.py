"""What several commands share: options, and the way to an opened library."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from tonearm.bootstrap import App, open_app
from tonearm.errors import NotFound
from tonearm.events.facts import Event, StateChanged
from tonearm.library.data_folder import require_library
from tonearm.library.lock import holder
from tonearm.library.roots import Place
from tonearm.names import printable, to_bytes
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.settings import Level, load_settings
from tonearm.worker.signals import StopSwitch

Answer = TypeVar("Answer")
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Folder of the library [TONEARM_DATA_DIR].")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many lines.")]
LevelOption = Annotated[
    str | None,
    typer.Option("--priority", metavar="LEVEL", help="critical, high, normal, low or background."),
]


@contextlib.contextmanager
def library(data: Path | None, stop: StopSwitch | None = None, **overrides: object) -> Iterator[App]:
    """The library that the options name, opened. Lists add to the setting, all else replaces it.

    ``stop``: of who works on the library; a database server that is away is waited for until then, and a library
    that is not there is made. Who only looks at it makes none.
    """
    given = {"data_dir": data, **overrides}
    settings = load_settings({name: value for name, value in given.items() if not isinstance(value, list)})
    added = {
        name: (*getattr(settings, name), *value) for name, value in given.items() if isinstance(value, list)
    }
    whole = settings.model_copy(update=added)
    if stop is None and whole.database_url is None:
        require_library(whole.data_dir)
    with contextlib.ExitStack() as parts:

        def opened() -> App:
            return parts.enter_context(open_app(whole))

        yield opened() if stop is None else retried(opened, lambda: stop.requests > 0)


def level_of(name: str | None) -> Level | None:
    """A level by its name. Raises typer.BadParameter."""
    if name is None:
        return None
    try:
        return Level[name.upper()]
    except KeyError:
        names = ", ".join(level.label for level in Level)
        raise typer.BadParameter(f"{name!r} is not one of {names}") from None


def place_of(app: App, path: str | None) -> Place | None:
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


def is_analysing(app: App) -> bool:
    """Whether any process is analysing with this library."""
    if app.database.shared:
        return any(worker.state in {"working", "idle"} and worker.slots for worker in app.workers.every())
    return holder(app.settings.data_dir) is not None


def print_json(value: Mapping[str, Any]) -> None:
    """One object on one line; text outside ASCII is escaped, so that any bytes of a name survive."""
    sys.stdout.write(json.dumps(value, allow_nan=False) + "\n")
