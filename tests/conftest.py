"""Fixtures of all tests: a program with its own library, and music that is generated once."""

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import material
from tests.program import MANY, READ_MB_S, Program
from tonearm.library.database import open_sqlite

pytest_plugins = ["tests.servers"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each of several processes begin with its share of the longest tests: none is left for the end.

    The processes are given stretches of equal length, in the order of the list. The tests that break servers are all
    for the first one, so that only one set of such servers has to start.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    breaking = [item for item in items if "own_servers" in getattr(item, "fixturenames", ())]
    faults = [item for item in items if item.path.parent.name == "faults" and item not in breaking]
    faults.sort(key=lambda item: item.get_closest_marker("slow") is None)
    first = {*breaking, *faults}
    others = [item for item in items if item not in first]
    long_ones = [breaking, *(faults[number :: processes - 1] for number in range(processes - 1))]
    if processes == 1:
        long_ones = [breaking + faults]
    left = len(items)
    items.clear()
    for process, long in enumerate(long_ones):
        share = left // (processes - process)
        left -= share
        room = max(0, share - len(long))
        items += long + others[:room]
        del others[:room]
    items += others


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of an empty SQLite database, as the migrations make it."""
    folder = tmp_path_factory.mktemp("empty")
    open_sqlite(folder).close()
    return (folder / "tonearm.db").read_bytes()


@pytest.fixture
def make_program() -> Iterator[Callable[..., Program]]:
    """Makes programs; what they leave running is ended after the test."""
    made: list[Program] = []

    def make(data: Path, **environment: str) -> Program:
        made.append(Program(data, **environment))
        return made[-1]

    yield make
    for program in made:
        program.close()


@pytest.fixture
def program(make_program: Callable[..., Program], tmp_path: Path) -> Program:
    """The command with an empty library."""
    return make_program(tmp_path / "data")


@pytest.fixture(scope="session")
def every_format(make_once: Callable[..., Path]) -> Path:
    """A folder with the same sixteen seconds of music in every format. Copy from it; do not change it."""

    def make(folder: Path) -> None:
        samples = material.music(16.0, bpm=120.0)
        for name, form in material.FORMATS.items():
            (folder / f"{name}.{form.extension}").write_bytes(material.encode(samples, name))

    return make_once("formats", make)


@pytest.fixture
def paced_program(make_program: Callable[..., Program], tmp_path: Path) -> Program:
    """The command, whose two children need half a second for one of ``many_files``: a kill meets work in progress."""
    return make_program(tmp_path / "data", TONEARM_READ_MB_S=str(2 * READ_MB_S))


@pytest.fixture(scope="session")
def many_files(make_once: Callable[..., Path]) -> Path:
    """So many (``MANY``) different short FLAC files, in three folders."""

    def make(folder: Path) -> None:
        (folder / "a" / "b").mkdir(parents=True)
        for number in range(MANY):
            samples = material.music(4.0 + number % 2, bpm=90.0 + number, seed=number)
            where = (folder, folder / "a", folder / "a" / "b")[number % 3]
            (where / f"{number:02}.flac").write_bytes(material.encode(samples, "flac"))

    return make_once("many", make)


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Makes a folder that all processes of this call of pytest share: the first that wants it fills it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name: str, make: Callable[[Path], None]) -> Path:
        folder = shared / f"once-{name}"
        with open(shared / f"once-{name}.lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                unfinished = shared / f"unfinished-{name}"
                unfinished.mkdir()
                make(unfinished)
                unfinished.rename(folder)
        return folder

    return once
