"""Opens the database, SQLite or PostgreSQL, and provides transactions on it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from tonearm.addresses import Address, url_of
from tonearm.errors import (
    CircuitOpen,
    ConfigurationError,
    ServiceUnavailable,
    StorageError,
    StorageUnavailable,
    StorageUnusable,
)
from tonearm.library.column_types import ReadJson, json_text, json_value
from tonearm.library.data_folder import DATABASE, refuse_network_folder
from tonearm.library.driver_errors import translated_errors
from tonearm.library.process_lock import refuse_while_at_work
from tonearm.library.sqlite_connection import BUSY_TIMEOUT_S, closed_on_failure, prepare_sqlite
from tonearm.library.statement_waits import note_waits
from tonearm.resilience.compute_lock import begin_waiting, end_waiting, waiting
from tonearm.resilience.gate import Gate, Unguarded

CACHED_STATEMENTS = 512
"""Statements that a connection to SQLite keeps parsed: each write has one for each of some numbers of rows."""
READ_CACHE_KB = 4_000
"""Pages that a connection to SQLite keeps, which reads; a service has up to 15 of them."""
WRITE_CACHE_KB = 32_000
"""Pages that a connection to SQLite keeps, which writes: a transaction changes many of an index."""
REVISION = "0012"
"""The newest migration."""
ADVISORY = 0x746F6E65
"""PostgreSQL's advisory lock for what only one process may do at a time."""


class Database:
    """One database; ``read()`` and ``write()`` give a connection inside a transaction."""

    def __init__(
        self, engine: Engine, address: str, gate: Gate | None = None, writes: Engine | None = None
    ) -> None:
        self._engine = engine
        self._writes = writes or engine  # makes the connections that write
        self._gate = gate or Unguarded()
        self.address = address
        self.dialect = engine.dialect.name
        self.shared = self.dialect != "sqlite"
        self.found: str | None = None
        """The revision that its tables had when it was opened; ``None`` where there were none."""
        self._reads = self._engine
        self._single_reads = engine.execution_options(isolation_level="AUTOCOMMIT") if self.shared else engine
        # SQLite allows one writer; a lock orders the threads of this process, because SQLite itself may starve one
        self._write_turn = nullcontext() if self.shared else threading.RLock()
        if self.shared:
            self._reads = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            note_waits(engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database and changes nothing."""
        with self._translated() as slowest, self._reads.connect() as connection:
            connection.info["slowest_statement_s"] = slowest
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
            yield connection
            with suppress(DBAPIError):  # everything has been read already
                connection.rollback()

    @contextmanager
    def read_once(self) -> Iterator[Connection]:
        """A connection for one statement that changes nothing: it needs no transaction, and so one round trip."""
        with self._translated() as slowest, self._single_reads.connect() as connection:
            connection.info["slowest_statement_s"] = slowest
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed to the disk on return, or rolled back.

        Raises:
            StorageFull: no room on the disk.
            StorageBusy: another process has locked the database, or a transaction conflicts with this one.
            StorageUnavailable: the server does not answer; it is then unknown whether a commit succeeded.
            StorageUnusable: the file is not a database, or reading it fails.
        """
        with self._translated() as slowest, waiting(), self._write_turn, self._writes.connect() as connection:
            end_waiting()
            connection.info["slowest_statement_s"] = slowest
            with connection.begin():
                if self.dialect == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
                begin_waiting()  # for the commit

    @contextmanager
    def _translated(self) -> Iterator[list[float]]:
        """Raise the driver's errors as ours, and report success or failure to the gate."""
        try:
            self._gate.admit()
        except StorageError:
            raise
        except ServiceUnavailable as error:
            raise StorageUnavailable(str(error)) from error
        slowest = [0.0]
        began = time.monotonic()
        try:
            with translated_errors(self.address):
                yield slowest
        except StorageUnavailable as error:
            if isinstance(error.__cause__, CircuitOpen):  # this call was answered; a nested one was refused
                self._gate.succeeded(slowest[0])
            else:
                self._gate.failed(time.monotonic() - began, str(error))
            raise
        except BaseException:
            self._gate.succeeded(slowest[0])
            raise
        self._gate.succeeded(slowest[0])

    def connections(self) -> dict[str, int]:
        """Number of open connections of this process: in use and idle."""
        pools = [pool for pool in {self._engine.pool, self._writes.pool} if isinstance(pool, QueuePool)]
        return {
            "in_use": sum(one.checkedout() for one in pools),
            "idle": sum(one.checkedin() for one in pools),
        }

    def ping(self) -> None:
        """Ask the database something that needs no table. Raises StorageError."""
        with self.read() as connection:
            connection.execute(select(1))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._writes.dispose()


def serialize_transactions(connection: Connection) -> None:
    """Let one transaction at a time continue after this call, by an advisory lock; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY)))


def disable_statement_timeout(connection: Connection) -> None:
    """Let the statements of this transaction take as long as they need."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))


def refresh_statistics(database: Database) -> None:
    """Update the statistics of PostgreSQL's planner. Autovacuum does that about a minute after many new rows.

    Until then PostgreSQL would sort all waiting jobs to take a few.
    """
    if database.shared:
        with database.write() as connection:
            connection.execute(text("ANALYZE files, jobs"))


def open_sqlite(folder: Path, read_json: ReadJson | None = None) -> Database:
    """Open, create or upgrade ``tonearm.db`` in the folder. ``read_json``: reads the documents that are stored in it.

    Raises:
        StorageUnusable: the folder can't be used, lies on a network file system, or holds a newer library.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnusable(
            f"{folder}: can't be used as data folder: {error.strerror}; name another with --data"
        ) from error
    refuse_network_folder(folder)
    path = folder / DATABASE
    url = URL.create("sqlite", database=str(path))
    options = {"timeout": BUSY_TIMEOUT_S, "cached_statements": CACHED_STATEMENTS}
    engines = [
        create_engine(
            url, connect_args=options, json_serializer=json_text, json_deserializer=read_json or json_value
        )
        for _ in "rw"
    ]
    for engine, kb in zip(engines, (READ_CACHE_KB, WRITE_CACHE_KB), strict=True):
        event.listen(engine, "connect", partial(prepare_sqlite, cache_kb=kb))
    reads, writes = engines  # a connection keeps what it has read until another one writes
    database = Database(reads, str(path), writes=writes)
    with closed_on_failure(database):
        upgrade(database)
    return database


def open_postgres(
    address: Address,
    connect_timeout_s: float,
    call_timeout_s: float,
    gate: Gate | None = None,
    migrate: bool = False,
    connections: int | None = None,
    read_json: ReadJson | None = None,
) -> Database:
    """Open the PostgreSQL database at an address; an empty one gets its tables.

    ``migrate``: upgrade older tables to the newest revision; otherwise they are refused, because workers of the older
    version may be using them. ``connections``: the most that this process holds at the same time. ``read_json``: reads
    the documents that are stored in it.

    Raises:
        ConfigurationError: the URL is not one, or the driver is not installed.
        StorageUnavailable: the server does not answer.
        StorageUnusable: it refuses the connection, is behind a connection pooler, or its tables are of an older or
            newer Tonearm.
    """
    database = reach_postgres(address, connect_timeout_s, call_timeout_s, gate, connections, read_json)
    from tonearm.library.postgres import check_server

    with closed_on_failure(database):
        with database.read() as connection:
            check_server(connection, database.address)
        upgrade(database, only_new=not migrate)
    return database


def reach_postgres(
    address: Address,
    connect_timeout_s: float,
    call_timeout_s: float,
    gate: Gate | None = None,
    connections: int | None = None,
    read_json: ReadJson | None = None,
) -> Database:
    """The PostgreSQL database at an address, whatever is in it. Connects when first used.

    Raises:
        ConfigurationError: the URL is not one, or the driver is not installed.
    """
    try:
        from tonearm.library.postgres import CONNECTIONS, address_of, postgres_engine
    except ImportError as error:
        raise ConfigurationError(
            f"PostgreSQL needs a driver that is not installed: pip install 'tonearm[distributed]' ({error})"
        ) from error
    server = address_of(url_of(address))
    most = connections or CONNECTIONS
    engine = postgres_engine(address, connect_timeout_s, call_timeout_s, most, read_json)
    return Database(engine, server.address, gate)


def open_leader(address: Address, connect_timeout_s: float, call_timeout_s: float) -> Database:
    """The PostgreSQL database at an address, by one connection that is kept. Connects when first used.

    Raises ConfigurationError.
    """
    from tonearm.library.postgres import address_of, postgres_engine

    server = address_of(url_of(address))
    engine = postgres_engine(address, connect_timeout_s, call_timeout_s, connections=1)
    return Database(engine, server.address)


def upgrade(database: Database, only_new: bool = False) -> None:
    """Bring the tables to the newest revision, in one transaction; ``database.found`` becomes the revision they had.

    Raises:
        LibraryInUse: the tables are older and workers are using them.
        StorageUnusable: the database was written by a newer Tonearm, or, with ``only_new``, by an older one.
    """
    with database.read() as connection:
        database.found = current = revision_of(connection)
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
            f"{database.address}: written by a newer Tonearm (revision {current}); upgrade Tonearm to use it"
        )
    if current is not None and only_new:
        raise StorageUnusable(
            f"{database.address}: its tables are of an older Tonearm (revision {current}, now {REVISION}); "
            "stop its workers, then run `tonearm migrate`"
        )
    with database.write() as connection:
        serialize_transactions(connection)  # two processes may open the same empty database
        if revision_of(connection) == current:  # otherwise another process has upgraded them
            refuse_while_at_work(connection, database.address)
            disable_statement_timeout(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def revision_of(connection: Connection) -> str | None:
    """The revision that the tables have; ``None`` for a new database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
