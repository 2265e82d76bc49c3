"""A collection to rename."""

from pathlib import Path

import pytest

from tests.unit.library_fixture import Library
from tests.unit.naming.collection import Collection


@pytest.fixture
def collection(library: Library, tmp_path: Path) -> Collection:
    """An empty folder that the library knows."""
    folder = tmp_path / "music"
    folder.mkdir()
    return Collection(library, folder)
