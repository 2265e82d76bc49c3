"""A person relies on: one call does what it can of all that was asked, and its status says how it ended."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.scan.sick import lock
from tonearm.cli.app import app


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
