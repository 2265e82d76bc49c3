"""A person relies on: one call does what it can of all that was asked, and its status says how it ended."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.unit.scan.sick import lock
from tonearm.cli.app import app


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
    monkeypatch.setenv("TONEARM_CONFIG", os.devnull)
    arguments = ["analyze", str(locked), str(music), "--data", str(tmp_path / "data")]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 1, said.output
    lines = said.stdout.splitlines()
    [warning] = [line for line in lines if line.startswith("warning")]
    assert warning.startswith(f"warning  {locked}: it can't be read: Permission denied")
    assert f"Scanning {music}" in lines
    assert lines[-1] == "1 path could not be read: see the warnings."
