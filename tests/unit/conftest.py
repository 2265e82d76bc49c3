"""Fixtures of the unit tests: an empty database, made once and copied, and a library on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.unit.library_fixture import Library, opened
from tonearm.library.database import open_sqlite

settings.register_profile("shared", deadline=None)  # the machine may be busy with other things
settings.load_profile("shared")


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of an empty database, as the migrations make it."""
    folder = tmp_path_factory.mktemp("empty")
    open_sqlite(folder).close()
    return (folder / "tonearm.db").read_bytes()


@pytest.fixture
def library(tmp_path: Path, empty: bytes) -> Iterator[Library]:
    """An empty library."""
    with opened(tmp_path / "data", empty) as library:
        yield library
