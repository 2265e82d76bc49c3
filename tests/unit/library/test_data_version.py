"""The version of what a database holds differs after each write, and not otherwise."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert

from tonearm.library.data_version import data_version
from tonearm.library.database import Database, open_postgres, open_sqlite
from tonearm.library.schema import root_table


def add_root(database: Database, path: bytes) -> None:
    with database.write() as connection:
        connection.execute(insert(root_table).values(path=path, mounts=[], added_at=1))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        opened = open_sqlite(tmp_path)
    else:
        opened = open_postgres(request.getfixturevalue("postgres_url"), 5, 30)
    with closing(opened):
        yield opened


def test_the_version_differs_after_each_write(database: Database) -> None:
    with closing(data_version(database)) as version:
        seen = [version.read()]
        for path in (b"/a", b"/b"):
            add_root(database, path)
            seen.append(version.read())
    assert len(set(seen)) == 3


def test_reading_does_not_change_the_version(tmp_path: Path) -> None:
    with closing(open_sqlite(tmp_path)) as database, closing(data_version(database)) as version:
        first = version.read()
        database.ping()
        assert version.read() == first
