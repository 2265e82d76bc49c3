"""What ends a command that works for long is a line of its log, and not a text on standard error."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from tonearm.cli.logged import logged
from tonearm.errors import ConfigurationError
from tonearm.settings import Settings


def ended_by(error: Exception, capsys: pytest.CaptureFixture[str], data: Path) -> tuple[int, dict[str, Any]]:
    with (
        pytest.raises(click.exceptions.Exit) as exit_status,
        logged(Settings(data_dir=data), "tonearm-test"),
    ):
        raise error
    [line] = capsys.readouterr().err.splitlines()
    return exit_status.value.exit_code, json.loads(line)


def test_an_error_that_a_person_can_correct(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, line = ended_by(ConfigurationError("name a folder"), capsys, tmp_path)
    assert (status, line["event"], line["level"]) == (2, "name a folder", "error")
    assert "exception" not in line


def test_a_mistake_of_the_program(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, line = ended_by(KeyError("gone"), capsys, tmp_path)
    assert (status, line["level"]) == (1, "critical")
    assert line["exception"].endswith("KeyError: 'gone'")


def test_unknown_variables_are_lines_of_the_log(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONEARM_WROKERS", "2")
    with logged(Settings(data_dir=tmp_path), "tonearm-test"):
        pass
    [line] = capsys.readouterr().err.splitlines()
    assert "the variable TONEARM_WROKERS is no setting" in json.loads(line)["event"]
