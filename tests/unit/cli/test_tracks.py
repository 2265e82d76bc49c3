"""A person relies on: a list is shown as it is read, however long it is."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.shelf import Library
from tonearm.cli.app import app


@pytest.fixture
def listing(library: Library, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is printed of a library of 401 tracks, on a wide terminal."""
    library.meet(library.run(), *(f"{number:04}.mp3".encode() for number in range(401)))
    monkeypatch.setenv("COLUMNS", "200")
    data = os.path.dirname(library.database.place)
    said = CliRunner().invoke(app, ["tracks", "--data", data])
    assert said.exit_code == 0
    return said.stdout.splitlines()


def test_a_long_list_comes_in_pieces_each_with_its_head(listing: list[str]) -> None:
    heads = [number for number, line in enumerate(listing) if "artist" in line]
    assert len(heads) == 3
    assert heads[0] < 5
    assert [line.split()[-2] for line in listing if ".mp3" in line] == [f"{n:04}.mp3" for n in range(401)]
    assert listing[-1] == "401 tracks"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--key=H", "'H' is no key such as \"A minor\""),
        ("--bpm=fast", "'fast' is not a range such as 120-128"),
        ("--full", "--full is for --json"),
    ],
)
@pytest.mark.usefixtures("library")
def test_what_an_option_can_not_mean_is_refused(option: str, said: str, tmp_path: Path) -> None:
    arguments = ["tracks", option, "--data", str(tmp_path / "data")]
    refused = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert refused.exit_code == 2
    assert said in refused.stderr
