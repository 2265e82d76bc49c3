"""One call analyses as much as possible of its arguments, and its exit status shows how it ended."""

import errno
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner

from tests.program import within
from tests.unit.scan.sick import lock
from tonearm.cli import analyze
from tonearm.cli.app import app
from tonearm.errors import NotFound, StorageFull
from tonearm.jobs.runs import Runs
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.scan.batch import RECORD_S
from tonearm.scan.patterns import Patterns
from tonearm.scan.reader import FolderReader, NamedPath
from tonearm.scan.reader_process import named_path
from tonearm.scan.walk import Walked, WalkItem, walk, walk_here


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are read in this process, where a disk can be made to fail."""
    monkeypatch.setattr(FolderReader, "walk", lambda _, *arguments: walk_here(*arguments))
    monkeypatch.setattr(analyze, "resolved", lambda paths: [NamedPath(*named_path(path)) for path in paths])


@pytest.mark.usefixtures("read_here")
def test_a_folder_whose_server_is_gone_is_told_and_the_others_are_scanned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, music = tmp_path / "dead", tmp_path / "music"
    dead.mkdir()
    music.mkdir()
    stat = os.stat

    def gone(path: Any, **options: Any) -> os.stat_result:
        if path in {os.fsencode(dead), str(dead)}:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", gone)
    said = CliRunner().invoke(app, ["analyze", str(dead), str(music), "--data", str(tmp_path / "data")])
    assert said.exit_code == 1, said.output
    assert "can't be read: Transport endpoint is not connected" in said.stdout
    assert f"Scanning {music}" in said.stdout.splitlines()


@pytest.mark.usefixtures("read_here")
def test_a_folder_that_cannot_be_read_is_told_and_the_others_are_scanned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, music = tmp_path / "locked", tmp_path / "music"
    locked.mkdir()
    music.mkdir()
    lock(monkeypatch, os.fsencode(locked))
    said = CliRunner().invoke(app, ["analyze", str(locked), str(music), "--data", str(tmp_path / "data")])
    assert said.exit_code == 1, said.output
    lines = said.stdout.splitlines()
    [warning] = [line for line in lines if line.startswith("warning")]
    assert warning.startswith(f"warning  {locked}: it can't be read: Permission denied")
    assert f"Scanning {music}" in lines
    assert lines[-1] == "1 path could not be read: see the warnings."


@pytest.mark.usefixtures("read_here")
def test_a_folder_below_the_named_one_that_cannot_be_read_is_told_and_shows_in_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = tmp_path / "music"
    (music / "locked").mkdir(parents=True)
    lock(monkeypatch, os.fsencode(music / "locked"))
    arguments = ["analyze", str(music), str(music / "locked"), str(music), "--data", str(tmp_path / "data")]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 1, said.output
    lines = said.stdout.splitlines()
    warning = f"warning  {music / 'locked'}: the folder can't be read: Permission denied"
    assert any(line.startswith(warning) for line in lines)
    assert lines[-1] == "1 path could not be read: see the warnings."
    said = CliRunner().invoke(app, ["analyze", str(music), "--json", "--data", str(tmp_path / "data")])
    assert said.exit_code == 1
    assert json.loads(said.stdout.splitlines()[-1])["unread"] == 1


@pytest.mark.parametrize("lost", ["", "usb"])
def test_a_folder_that_is_not_mounted_shows_in_the_status(tmp_path: Path, lost: str) -> None:
    music, data = tmp_path / "music", tmp_path / "data"
    for name in ("1.mp3", "usb/2.mp3"):
        (music / name).parent.mkdir(parents=True, exist_ok=True)
        (music / name).touch()
    analyze = ["analyze", str(music), "--data", str(data)]
    assert CliRunner().invoke(app, analyze).exit_code == 1  # they are no audio
    if lost:
        with closing(sqlite3.connect(data / "tonearm.db")) as database, database:
            database.execute("UPDATE roots SET mounts = ?", [json.dumps([lost.encode().hex()])])
    for path in [music / "usb/2.mp3"] if lost else [music / "usb/2.mp3", music / "1.mp3"]:
        path.unlink()
    said = CliRunner().invoke(app, [*analyze, "--json"])
    assert said.exit_code == 1
    assert json.loads(said.stdout.splitlines()[-1])["unread"] == 1


def test_a_run_that_a_full_disk_ends_says_how_far_it_came_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise StorageFull("no room on the disk")

    music = tmp_path / "music"
    music.mkdir()
    (music / "a.mp3").touch()
    monkeypatch.setattr(SqlJobStore, "take", full)
    monkeypatch.setenv("TONEARM_STORAGE_WAIT_S", "0")
    said = CliRunner().invoke(app, ["analyze", str(music), "--data", str(tmp_path / "data")])
    assert said.exit_code == 130
    assert "no room on the disk" in said.stderr
    lines = said.stdout.splitlines()
    assert "1 discovered = 0 done + 0 partial + 0 skipped + 0 failed + 1 pending" in lines
    assert lines[-1] == "1 file left; nothing is lost. `tonearm analyze` continues."


def test_a_run_that_somebody_cancels_says_so_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "a.mp3").touch()
    monkeypatch.setattr(Runs, "mark_scanned", Runs.cancel)
    said = CliRunner().invoke(app, ["analyze", str(music), "--data", str(tmp_path / "data")])
    assert said.exit_code == 0, said.output
    lines = said.stdout.splitlines()
    assert "Run 1 was cancelled; what it had not analysed by then counts as skipped." in lines
    assert "1 discovered = 0 done + 0 partial + 1 skipped + 0 failed + 0 pending" in lines


def test_analyze_without_a_path_makes_no_library(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["analyze", "--data", str(tmp_path / "data")])
    assert isinstance(refused.exception, NotFound)
    assert "`tonearm analyze FOLDER` makes one" in str(refused.exception)
    assert not (tmp_path / "data").exists()


@pytest.mark.usefixtures("library")
def test_analyze_without_a_path_where_nothing_was_analysed_says_what_to_type(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["analyze", "--data", str(tmp_path / "data")])
    assert refused.exit_code == 2
    assert "name a folder, as in: tonearm analyze ~/Music" in refused.stderr


def test_a_folder_without_music_says_what_was_looked_for_and_then_that_nothing_is_left(
    tmp_path: Path,
) -> None:
    music = tmp_path / "some music"
    music.mkdir()
    (music / "notes.txt").touch()
    said = CliRunner().invoke(app, ["analyze", str(music), "--data", str(tmp_path / "data")])
    assert said.exit_code == 0
    assert said.stdout.splitlines()[-1].startswith(f"There is no music in {music}: no file has one of the")
    assert "flac" in said.stdout.splitlines()[-1]
    again = CliRunner().invoke(app, ["analyze", "--data", str(tmp_path / "data")])
    assert again.exit_code == 0
    assert again.stdout.splitlines()[-1] == (
        f"Nothing is left to analyse. To look for new and changed files: `tonearm analyze '{music}'`."
    )


def test_files_are_analysed_while_the_scan_still_finds_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music, database = tmp_path / "music", tmp_path / "data" / "tonearm.db"
    music.mkdir()
    for number in range(3):
        (music / f"{number}.mp3").touch()

    def walk_slowly(root: bytes, scope: bytes, patterns: Patterns) -> Iterator[WalkItem]:
        for number, met in enumerate(walk(root, scope, patterns)):
            yield met
            time.sleep(RECORD_S + 0.1 if number < 2 else 0)
        assert within(60, lambda: ended_jobs(database) > 0), "nothing was analysed during the scan"

    monkeypatch.setattr(
        FolderReader,
        "walk",
        lambda _, root, *arguments: Walked(os.stat(root).st_dev, walk_slowly(root, *arguments)),
    )
    said = CliRunner().invoke(app, ["analyze", str(music), "--data", str(tmp_path / "data"), "--json"])
    events = [json.loads(line) for line in said.stdout.splitlines()]
    names = [event["event"] for event in events]
    assert names.index("job_finished") < names.index("scan_finished") < names.index("workload_known")
    known = events[names.index("workload_known")]
    assert known["ended"] + sum(load["files"] for loads in known["workload"].values() for load in loads) == 3
    assert names.count("job_finished") == 3


def ended_jobs(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(
            connection.execute("SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL").fetchone()[0]
        )
