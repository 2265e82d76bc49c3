"""One library on each database: what a test asks of it, both must answer alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.shelf import Library
from tonearm.library.database import Database, open_postgres, open_sqlite


@pytest.fixture(params=["sqlite", "postgresql"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Library]:
    """An empty library, on SQLite and then on PostgreSQL."""
    database: Database
    if request.param == "sqlite":
        database = open_sqlite(tmp_path / "library")
    else:
        database = open_postgres(request.getfixturevalue("postgres_url"), 5, 30)
    try:
        yield Library(database)
    finally:
        database.close()
