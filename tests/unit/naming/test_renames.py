"""Any batch of renames does to files and rows what a model of names says, and can be undone."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from tests.folding_folder import folding
from tests.sizes import size
from tests.unit.library_fixture import Library
from tests.unit.naming.collection import NO_PATHS, in_memory
from tests.unit.naming.model import BATCHES, Batch, check
from tonearm.library.rename_journal import RenameJournal
from tonearm.naming.destination import Destination

MEMORY = Path("/dev/shm")  # noqa: S108  folders of their own are made there


@pytest.fixture(scope="module")
def quick_library(empty: bytes) -> Iterator[tuple[Library, Destination]]:
    with in_memory(empty) as library:
        yield library, Destination(RenameJournal(library.database), NO_PATHS)


@settings(max_examples=size(15, 1000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=BATCHES)
def test_any_batch_does_what_the_model_says(quick_library: tuple[Library, Destination], batch: Batch) -> None:
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    try:
        check(*quick_library, folder, batch)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that folds case, stores names decomposed, limits them and renames by links only."""
    place = tmp_path_factory.mktemp("folded")
    with folding(place / "below", place / "music", "fold", "nfd", "noflags", "short") as where:
        yield where


@settings(max_examples=size(3, 300), deadline=None)
@given(batch=BATCHES)
@example(
    batch=({"x/a": "x/b", "x/c": "x/a"}, set())
)  # the second waits for the first, which is done by a link
def test_any_batch_does_the_same_on_a_file_system_that_folds_names(
    quick_library: tuple[Library, Destination], folded: Path, batch: Batch
) -> None:
    folder = Path(tempfile.mkdtemp(dir=folded))
    try:
        check(quick_library[0], None, folder, batch)
    finally:
        shutil.rmtree(folder)
