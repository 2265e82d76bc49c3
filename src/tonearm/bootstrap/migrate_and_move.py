"""Opens databases to migrate or move a library."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tonearm.bootstrap.library import feature_tables
from tonearm.bootstrap.servers import open_for_maintenance
from tonearm.errors import ConfigurationError
from tonearm.library.database import REVISION, Database
from tonearm.library.process_lock import exclusive_lock
from tonearm.names import printable
from tonearm.settings import Settings, without_password


@contextlib.contextmanager
def open_migrated(settings: Settings) -> Iterator[Database]:
    """The library's database with its tables at the newest revision; ``found`` is the revision that they had before.

    Raises:
        LibraryInUse: workers are using the older tables.
        StorageError: the database can't be opened.
    """
    address = settings.database_url or settings.data_dir
    with contextlib.closing(
        open_for_maintenance(address, settings.connect_timeout_s, migrate=True)
    ) as database:
        features = feature_tables()
        features.ensure(database)
        if database.found != REVISION:  # no worker runs, as the tables were just changed
            features.drop_others(database)
        yield database


@contextlib.contextmanager
def open_move(origin: str, goal: str, settings: Settings) -> Iterator[tuple[Database, Database]]:
    """The databases that a library is moved from and to; each a folder or a URL. No analysis can begin meanwhile.

    Raises:
        ConfigurationError: there is no library to be moved, or both are the same database.
        LibraryInUse: a process is analysing with one of them.
        StorageError: a database can't be opened.
    """
    shown = printable(without_password(origin) if "://" in origin else origin)
    if "://" not in origin and not os.path.exists(os.path.join(origin, "tonearm.db")):
        raise ConfigurationError(f"{shown}: holds no library (there is no tonearm.db in it)")
    if os.path.realpath(origin) == os.path.realpath(goal):
        raise ConfigurationError(f"{shown}: the library is there already")
    with _opened(origin, settings) as source, _opened(goal, settings) as sink:
        yield source, sink


@contextlib.contextmanager
def _opened(address: str, settings: Settings) -> Iterator[Database]:
    folder = None if "://" in address else Path(address)
    with (
        contextlib.closing(open_for_maintenance(folder or address, settings.connect_timeout_s)) as database,
        contextlib.nullcontext() if folder is None else exclusive_lock(folder),
    ):
        yield database
