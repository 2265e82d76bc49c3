"""Opens the database and gates its errors. SQLite here; the tables and queries are written for PostgreSQL too."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Float, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from tonearm.errors import StorageBusy, StorageFull, StorageUnusable
from tonearm.library.place import refuse_network_place

BUSY_TIMEOUT_S = 5.0
REVISION = "0001"
"""The newest migration."""


class epoch(FunctionElement[float]):  # noqa: N801  written as the SQL function it stands for
    """Seconds since 1970 on the database's own clock, so that leases do not depend on a worker's."""

    type = Float()
    inherit_cache = True


@compiles(epoch, "sqlite")
def _epoch_sqlite(element: epoch, compiler: Any, **kw: Any) -> str:  # noqa: ARG001  the library's signature
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(epoch, "postgresql")
def _epoch_postgresql(element: epoch, compiler: Any, **kw: Any) -> str:  # noqa: ARG001
    return "extract(epoch from clock_timestamp())::double precision"


class Database:
    """One database; ``read()`` and ``write()`` give a connection inside a transaction."""

    def __init__(self, engine: Engine, place: str) -> None:
        self._engine = engine
        self.place = place
        self.dialect = engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database and changes nothing."""
        with _gate(self.place), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is on disk when this returns, or has not happened.

        Raises:
            StorageFull: no room on the disk.
            StorageBusy: another process holds the database.
            StorageUnusable: the file is not a database, or reading it fails.
        """
        with _gate(self.place), self._engine.connect() as connection:
            connection = connection.execution_options(tonearm_writes=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()


def open_database(folder: Path) -> Database:
    """Open, create or upgrade ``tonearm.db`` in the folder.

    Raises:
        StorageUnusable: the folder can't be used, lies on a network file system, or holds a newer library.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnusable(
            f"{folder}: can't be used as data folder: {error.strerror}; name another with --data"
        ) from error
    refuse_network_place(folder)
    path = folder / "tonearm.db"
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    database = Database(engine, str(path))
    upgrade(database)
    return database


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:  # noqa: ARG001
    connection.isolation_level = None  # transactions begin where _begin_sqlite says
    connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows ASCII only
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32000"):
        connection.execute(f"PRAGMA {pragma}")


def _lower(value: str | float | bytes | None) -> str | float | bytes | None:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("tonearm_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _gate(place: str) -> Iterator[None]:
    """Turn the driver's errors into ours, with the place on them."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise StorageFull(f"{place}: no room on the disk; free some and go on") from error
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise StorageBusy(f"{place}: another program holds the database; waiting for it") from error
        if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN} and _no_room(place):
            raise StorageFull(f"{place}: no room on the disk; free some and go on") from error
        if isinstance(error, OperationalError) or code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise StorageUnusable(f"{place}: {error.orig}") from error
        raise


def _no_room(place: str) -> bool:
    try:
        room = os.statvfs(os.path.dirname(place))
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < 1 << 20


def upgrade(database: Database) -> None:
    """Bring the tables to the newest revision, in one transaction.

    Raises:
        StorageUnusable: the database was written by a newer Tonearm.
    """
    with database.read() as connection:
        current = _revision(connection)
    if current == REVISION:
        return
    from alembic import command  # takes longer to load than most commands take to run
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StorageUnusable(
            f"{database.place}: written by a newer Tonearm (revision {current}); upgrade Tonearm to use it"
        )
    with database.write() as connection:
        if _revision(connection) == current:  # another process may have been quicker
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    """The revision that the tables have; ``None`` for a new database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
