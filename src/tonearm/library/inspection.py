"""Looks at a database without a change: no table is made or migrated, no file is created beside SQLite's."""

import os
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from tonearm.library.data_folder import DATABASE
from tonearm.library.database import Database, revision_of
from tonearm.library.sqlite_connection import BUSY_TIMEOUT_S

_SETTINGS = (
    "autovacuum",
    "default_transaction_read_only",
    "fsync",
    "full_page_writes",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "max_connections",
    "reserved_connections",
    "server_encoding",
    "superuser_reserved_connections",
    "synchronous_commit",
    "track_counts",
    "transaction_timeout",
)
_SERVER = text(
    "SELECT pg_is_in_recovery() AS standby, pg_backend_pid() AS process,"
    " extract(epoch FROM clock_timestamp())::float AS now,"
    " current_setting('server_version') AS version, current_schema() AS schema,"
    " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,"
    " (SELECT sum(numbackends)::int FROM pg_stat_database) AS connections,"  # everybody may read that
    " (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tonearm'"
    "  AND pid <> pg_backend_pid()) AS ours"
)
_LACKING = text(
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    " AND NOT has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE') ORDER BY relname"
)


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """What a PostgreSQL server tells of itself.

    revision: that of the tables of the library, ``None`` where there are none. pooled: a connection pooler is in
    between. settings: by name, in the words of pg_settings; those of a later version are absent from an earlier one.
    now: its clock, seconds since 1970. connections: of all clients. ours: those of this program, without this one.
    lacking: tables whose rows the user may not read and write.
    """

    version: str
    revision: str | None
    pooled: bool
    settings: Mapping[str, str]
    standby: bool
    now: float
    schema: str | None
    may_create: bool
    connections: int
    ours: int
    lacking: tuple[str, ...]

    def number_of(self, name: str) -> int:
        """A setting that is a whole number; 0 where the server does not know it."""
        return int(self.settings.get(name, "0"))


def look_into_sqlite(folder: Path) -> Database:
    """The library in a folder, for reading. Connects when first used."""
    path = folder / DATABASE
    unused = not os.path.exists(f"{path}-wal")  # SQLite would make that file and remove it
    address = f"file:{urllib.parse.quote(os.fsencode(path))}?mode=ro{'&immutable=1' if unused else ''}"
    engine = create_engine("sqlite://", creator=lambda: _connected(address), poolclass=NullPool)
    return Database(engine, str(path))


def _connected(address: str) -> Any:
    import sqlite3

    connection = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    connection.isolation_level = None  # transactions begin where ``Database`` says
    return connection


def read_postgres(connection: Connection) -> PostgresServer:
    """What the server tells. Makes a few queries, none over the rows of the library."""
    from tonearm.library.postgres import is_pooled

    names = text("SELECT name, setting FROM pg_settings WHERE name = ANY(:names)")
    settings = {row.name: row.setting for row in connection.execute(names, {"names": list(_SETTINGS)})}
    row = connection.execute(_SERVER).one()
    lacking = tuple(connection.execute(_LACKING).scalars()) if row.schema is not None else ()
    return PostgresServer(
        version=row.version.partition(" ")[0],
        revision=revision_of(connection),
        pooled=is_pooled(connection, row.process),
        settings=settings,
        standby=row.standby,
        now=row.now,
        schema=row.schema,
        may_create=row.may_create,
        connections=row.connections,
        ours=row.ours,
        lacking=lacking,
    )
