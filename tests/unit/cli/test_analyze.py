"""A person relies on: one call does what it can of all that was asked, and its status says how it ended."""

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
from click.testing import CliRunner

from tests.unit.scan.sick import lock
from tonearm.cli.app import app
from tonearm.errors import StorageFull
from tonearm.jobs.runs import Runs


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


def test_a_run_that_a_full_disk_ends_says_how_far_it_came_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise StorageFull("no room on the disk")

    music = tmp_path / "music"
    music.mkdir()
    (music / "a.mp3").touch()
    monkeypatch.setattr(Runs, "workload", full)
    monkeypatch.setenv("TONEARM_STORAGE_WAIT_S", "0")
    said = CliRunner().invoke(app, ["analyze", str(music), "--data", str(tmp_path / "data")])
    assert said.exit_code == 130
    assert "tonearm: no room on the disk" in said.stderr
    lines = said.stdout.splitlines()
    assert "1 discovered = 0 done + 0 partial + 0 skipped + 0 failed + 1 pending" in lines
    assert lines[-1] == "1 file left; nothing is lost. `tonearm analyze` goes on."


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
