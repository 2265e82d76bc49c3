"""Opens the library's database alone, for commands that only read it."""

import contextlib
from collections.abc import Iterator

from tonearm.bootstrap.servers import Servers
from tonearm.library.database import Database
from tonearm.settings import Settings


@contextlib.contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The database that the settings name, SQLite or PostgreSQL.

    Raises:
        StorageError: the database can't be opened.
        ConfigurationError: settings that contradict each other, or a driver that is not installed.
    """
    with contextlib.closing(Servers(settings, lambda _: None).open_database()) as database:
        yield database
