"""Only the given files are forgotten, and only after a confirmation."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.library_fixture import Library, found, result
from tonearm.cli.app import app
from tonearm.errors import LibraryInUse
from tonearm.events.states import RunState
from tonearm.library.process_lock import exclusive_lock


@pytest.fixture
def music(library: Library, tmp_path: Path) -> Path:
    """A folder of which two files were not found by the last scan; one file is there."""
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "there.flac").touch()
    run = library.run()
    names = (b"gone.flac", b"lost.flac", b"there.flac")
    files = [
        library.finish(run, name, result(name.hex(), inode=found(name).inode), root=os.fsencode(folder))
        for name in names
    ]
    library.runs.close(run, RunState.FINISHED)
    library.files.mark_missing(files[:2])
    return folder


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls the command; with an answer, as if a person sat before a terminal."""

    def call(*arguments: str | Path, answer: str | None = None) -> Result:
        given = ["forget", *map(str, arguments), "--data", str(tmp_path / "data")]
        monkeypatch.setattr("tonearm.cli.forget._is_asked_at_a_terminal", lambda: answer is not None)
        return CliRunner().invoke(app, given, input=answer)

    return call


def test_a_person_is_asked_and_shown_what_would_go(
    call: Callable[..., Result], music: Path, library: Library
) -> None:
    asked = call(music, answer="n\n")
    assert asked.exit_code == 1
    assert asked.stdout.splitlines() == [
        f"  {music}/gone.flac",
        f"  {music}/lost.flac",
        "Remove 2 missing files from the library? [y/N]: n",
        "Nothing was removed.",
    ]
    assert len(library.rows("SELECT id FROM files")) == 3
    answered = call(music, answer="y\n")
    assert answered.exit_code == 0
    assert answered.stdout.splitlines()[-1] == (
        "2 missing files removed from the library, and the results of 2 pieces of audio."
    )
    assert [row["path"] for row in library.rows("SELECT path FROM files")] == [b"there.flac"]


def test_one_path_is_forgotten_and_told_as_json(
    call: Callable[..., Result], music: Path, library: Library
) -> None:
    done = call(music / "gone.flac", "--yes", "--json")
    assert json.loads(done.stdout) == {
        "forgotten": 1,
        "results_removed": 1,
        "on_disk": 0,
        "in_open_runs": 0,
    }
    assert {row["path"] for row in library.rows("SELECT path FROM files")} == {b"lost.flac", b"there.flac"}


def test_a_file_that_is_on_the_disk_again_stays(
    call: Callable[..., Result], music: Path, library: Library
) -> None:
    (music / "gone.flac").touch()
    lines = call("--all", "--yes").stdout.splitlines()
    assert lines == [
        "1 missing file removed from the library, and the results of 1 piece of audio.",
        "1 file stayed: on the disk again; `tonearm analyze` finds them.",
    ]
    assert {row["path"] for row in library.rows("SELECT path FROM files")} == {b"gone.flac", b"there.flac"}


def test_a_file_that_is_there_is_no_missing_one(call: Callable[..., Result], music: Path) -> None:
    assert call(music / "there.flac").stdout == (
        "0 missing files removed from the library.\n"
        "None is missing there: `tonearm tracks --missing` lists those that are.\n"
    )


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_where_nobody_can_be_asked_a_yes_is_needed(
    call: Callable[..., Result], music: Path, library: Library, options: list[str]
) -> None:
    refused = call(music, *options)
    assert refused.exit_code == 2
    assert "2 missing files would be removed; add --yes to remove them" in refused.stderr
    assert len(library.rows("SELECT id FROM files")) == 3


@pytest.mark.parametrize("arguments", [[], ["--all", "/music"]])
@pytest.mark.usefixtures("library")
def test_paths_or_all_must_be_named(call: Callable[..., Result], arguments: list[str]) -> None:
    assert "give either files or folders, or --all" in call(*arguments).stderr


def test_nothing_is_forgotten_while_a_process_analyses(
    call: Callable[..., Result], music: Path, tmp_path: Path
) -> None:
    with exclusive_lock(tmp_path / "data"):
        assert isinstance(call(music, "--yes").exception, LibraryInUse)
