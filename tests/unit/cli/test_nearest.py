"""A misspelt name or path is refused with a suggestion."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.library_fixture import Library, result
from tonearm.cli.app import app
from tonearm.cli.nearest import nearest, nearest_path, no_such


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    assert nearest("Enrgy", ["energy", "key"]) == "energy"
    assert nearest("colour", ["energy", "key"]) is None


def test_a_message_names_the_nearest_or_all() -> None:
    assert no_such("state", "don", ["done", "waiting"]) == "no state 'don'; did you mean done?"
    assert no_such("state", "x", ["done", "waiting"]) == "state 'x' is not one of done, waiting"


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder of music below a root of the library."""
    folder = tmp_path / "music" / "Miles Davis" / "Kind of Blue"
    folder.mkdir(parents=True)
    (folder / "So What.flac").touch()
    return folder


@pytest.mark.parametrize(
    "typed",
    [
        "music/Miles Davis/Kind of Blue/So Wat.flac",
        "music/Miles Davs/Kind of Blue/So What.flac",
        "musik/miles davis/Kind of Blu/So What.flac",
    ],
)
def test_the_nearest_path_is_found_wherever_the_error_is(music: Path, typed: str, tmp_path: Path) -> None:
    assert nearest_path(os.fsencode(tmp_path / typed)) == os.fsencode(music / "So What.flac")


def test_nothing_is_proposed_for_a_path_like_no_other(tmp_path: Path) -> None:
    assert nearest_path(os.fsencode(tmp_path / "qwertz")) is None


@pytest.mark.parametrize(
    "command",
    ["tracks", "jobs", "failures", "retry", "prioritize", "show", "mix"],
)
def test_a_path_that_is_neither_known_nor_there_is_refused_with_what_was_meant(
    library: Library, music: Path, tmp_path: Path, command: str
) -> None:
    library.finish(library.run(), b"So What.flac", result(), root=os.fsencode(music))
    typed = music / "So Wht.flac"
    refused = CliRunner().invoke(app, [command, str(typed), "--data", str(tmp_path / "data")])
    assert refused.exception is not None
    assert str(refused.exception) == (
        f"{typed}: neither in the library nor on the disk; did you mean {music / 'So What.flac'}?"
    )


def test_a_vanished_file_and_an_empty_folder_are_no_errors(
    library: Library, music: Path, tmp_path: Path
) -> None:
    library.finish(library.run(), b"gone.flac", result(), root=os.fsencode(music))
    (music / "empty").mkdir()
    for path in (music / "gone.flac", music / "empty"):
        listed = CliRunner().invoke(app, ["tracks", str(path), "--data", str(tmp_path / "data")])
        assert listed.exit_code == 0, listed.output


def test_a_folder_to_analyse_that_does_not_exist_is_refused_with_what_was_meant(
    music: Path, tmp_path: Path
) -> None:
    refused = CliRunner().invoke(app, ["analyze", f"{tmp_path}/musc", "--data", str(tmp_path / "data")])
    assert (
        str(refused.exception)
        == f"{tmp_path}/musc: No such file or directory; did you mean {tmp_path}/music?"
    )
    assert music.exists()
    assert not (tmp_path / "data").exists()
