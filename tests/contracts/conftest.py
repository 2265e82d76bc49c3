"""A library on each database, for tests that every database must pass."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from tests.servers import create_database, drop_database, named
from tests.unit.library_fixture import Library
from tonearm.library.database import Database, open_postgres, open_sqlite
from tonearm.library.schema import metadata

SEQUENCES = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
"""Begins all sequences anew, so that the first row has the id 1."""


@pytest.fixture(scope="session")
def standing_postgres(servers: Mapping[str, str]) -> Iterator[str]:
    """A PostgreSQL database with its tables, for many tests; ``emptied_postgres`` has nothing in them."""
    server = named(servers, "TONEARM_DATABASE_URL")
    url = create_database(server)
    open_postgres(url, 5, 30).close()
    yield url
    drop_database(server, url)


@pytest.fixture
def emptied_postgres(standing_postgres: str) -> Iterator[Database]:
    """A database with empty tables, sooner than a new one."""
    database = open_postgres(standing_postgres, 5, 30)
    with database.write() as connection:
        derived = [name for name in inspect(connection).get_table_names() if name.startswith("features_")]
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # in whatever order
        connection.execute(text("; ".join(map("DELETE FROM {}".format, [*metadata.tables, *derived]))))
        connection.execute(text(SEQUENCES))
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def emptied_database(request: pytest.FixtureRequest, tmp_path: Path, empty: bytes) -> Iterator[Database]:
    """An empty database, SQLite and then PostgreSQL, sooner than a new one."""
    if request.param == "postgresql":
        yield request.getfixturevalue("emptied_postgres")
        return
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "tonearm.db").write_bytes(empty)
    opened = open_sqlite(tmp_path / "library")
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of the test's own, SQLite and then PostgreSQL."""
    if request.param == "sqlite":
        database: Database = open_sqlite(tmp_path / "library")
    else:
        database = open_postgres(request.getfixturevalue("postgres_url"), 5, 30)
    yield database
    database.close()


@pytest.fixture
def library(emptied_database: Database) -> Library:
    """An empty library, on SQLite and then on PostgreSQL."""
    return Library(emptied_database)
