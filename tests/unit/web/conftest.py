"""A service over a small library."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.library_fixture import Library, opened, result
from tests.unit.web.client import Client
from tests.variables import unset_variables
from tonearm.errors import Failure
from tonearm.settings import Settings, load_settings
from tonearm.web.open_service import open_service

BAD = Failure("not-audio", "This is not a music file.", "Check what it is.", max_attempts=1)
SCRIPT = "<script>alert(1)</script>"


def fill(library: Library) -> Library:
    """Add three tracks, one of which has a hostile title and one a name that is no UTF-8, and two other files."""
    run = library.run()
    library.finish(run, b"1.flac", result("1" * 8, bpm=120.0, tags={"title": "First", "artist": "One"}))
    library.finish(run, b"2.flac", result("2" * 8, bpm=128.0, tags={"title": SCRIPT, "artist": "Two"}))
    library.finish(run, b"caf\xe9.flac", result("3" * 8, bpm=140.0, tags={"title": "Third"}))
    library.meet(run, b"bad.mp3")
    library.job_store.fail(library.take(run), BAD, 0.1)
    library.meet(run, b"waiting.flac")
    return library


def settings_of(folder: Path, **more: str) -> Settings:
    """The settings of the library in a folder, whatever servers the environment names."""
    with pytest.MonkeyPatch.context() as environment:
        unset_variables(environment)
        return load_settings({"data_dir": str(folder), **more})


@contextmanager
def served(folder: Path, **more: str) -> Iterator[Client]:
    """A service over the library in a folder."""
    with open_service(settings_of(folder, **more), "127.0.0.1:0") as url:
        yield Client(url)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, empty: bytes) -> Iterator[Client]:
    """The service over a library that no test changes."""
    folder = tmp_path_factory.mktemp("served")
    with opened(folder, empty) as library:
        fill(library)
        with served(folder) as client:
            yield client


@pytest.fixture
def filled(library: Library) -> Library:
    """A library of its own with the same files."""
    return fill(library)


@pytest.fixture
def own_service(filled: Library) -> Iterator[Client]:
    """The service over that library."""
    with served(Path(filled.database.address).parent) as client:
        yield client
