"""Fixtures of the unit tests: an empty database, made once and copied, and a library on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.unit.library_fixture import Library, opened

settings.register_profile("shared", deadline=None)  # the machine may be busy with other things
settings.load_profile("shared")


@pytest.fixture
def library(tmp_path: Path, empty: bytes) -> Iterator[Library]:
    """An empty library."""
    with opened(tmp_path / "data", empty) as library:
        yield library
