"""Opens a library for a live view of what its workers do, in the database and, where there is one, in Redis."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tonearm.bootstrap.library import Library, open_library
from tonearm.bootstrap.servers import Servers
from tonearm.errors import ServiceUnavailable
from tonearm.progress.port import Progress
from tonearm.settings import Settings
from tonearm.views.activity import Activity, ServiceState, read_activity


@dataclass(frozen=True, slots=True)
class Watched:
    """An opened library, and the live view that its hosts share, if there is one.

    services: tells what this process depends on, where it watches that.
    """

    library: Library
    progress: Progress | None
    services: Callable[[], tuple[ServiceState, ...]] = tuple

    def read(self) -> Activity:
        """What goes on now. Raises StorageError; without the live view the files come from the database."""
        reported = None
        if self.progress is not None:
            with contextlib.suppress(ServiceUnavailable):
                reported = self.progress.running() or None
        return replace(read_activity(self.library.database, reported), services=self.services())


@contextlib.contextmanager
def open_watched(settings: Settings) -> Iterator[Watched]:
    """Open a library to watch it. Raises as ``open_library``."""
    servers = Servers(settings, lambda _: None)
    with open_library(settings, servers) as library, servers.open_progress() as progress:
        yield Watched(library, progress)
