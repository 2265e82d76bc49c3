"""What the tests share: a program with a library of its own, and music that is made once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import material
from tests.program import Program

pytest_plugins = ["tests.servers"]


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
def every_format(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same sixteen seconds of music in every format. Copy from it; do not change it."""
    folder = tmp_path_factory.mktemp("formats")
    samples = material.music(16.0, bpm=120.0)
    for name, form in material.FORMATS.items():
        (folder / f"{name}.{form.extension}").write_bytes(material.encode(samples, name))
    return folder


@pytest.fixture(scope="session")
def long_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty different FLAC files of half a minute to two minutes, so that a kill meets work in progress."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "a" / "b").mkdir(parents=True)
    for number in range(40):
        samples = np.tile(material.music(15.0, bpm=90.0 + number, seed=number), (2 + 2 * (number % 4), 1))
        where = (folder, folder / "a", folder / "a" / "b")[number % 3]
        (where / f"{number:02}.flac").write_bytes(material.encode(samples, "flac"))
    return folder
