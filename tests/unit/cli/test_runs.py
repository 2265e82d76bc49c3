"""A run is listed with the folders it was called with, whatever bytes their names are."""

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.library_fixture import Library
from tonearm.cli.app import app
from tonearm.events.states import RunState
from tonearm.library.process_lock import exclusive_lock


@pytest.mark.parametrize("command", ["runs", "status"])
def test_folders_survive_json_whatever_their_bytes(library: Library, tmp_path: Path, command: str) -> None:
    library.runs.open([b"/music/caf\xe9", b"/music/new"])
    said = json.loads(CliRunner().invoke(app, [command, "--json", "--data", str(tmp_path / "data")]).stdout)
    [run] = said["runs"] if command == "status" else [said]
    assert [base64.b64decode(path) for path in run["paths_b64"]] == [b"/music/caf\xe9", b"/music/new"]


def test_who_cancels_a_run_learns_what_waited_and_what_was_running(library: Library, tmp_path: Path) -> None:
    run = library.run()
    library.meet(run, b"1", b"2", b"3")
    library.take(run)
    with exclusive_lock(tmp_path / "data"):
        said = CliRunner().invoke(app, ["runs", "cancel", str(run), "--data", str(tmp_path / "data")])
    assert said.stdout == (
        f"Run {run} is cancelled: 2 waiting files will not be analysed, 1 that is being analysed is given up.\n"
        "To analyse its files after all: `tonearm analyze /music`.\n"
    )


def test_status_tells_of_an_open_run_what_the_list_of_runs_tells(library: Library, tmp_path: Path) -> None:
    library.meet(library.run(), b"1")
    said = [
        CliRunner().invoke(app, [command, "--json", "--data", str(tmp_path / "data")]).stdout
        for command in ("runs", "status")
    ]
    assert json.loads(said[1])["runs"] == [json.loads(said[0])]


def test_a_run_over_many_paths_is_one_line_that_fits(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.meet(library.runs.open([b"/music/%02d" % number for number in range(33)]), b"1", b"2")
    monkeypatch.setattr("tonearm.cli.tables.is_terminal", lambda: True)
    said = CliRunner().invoke(app, ["runs", "--data", str(tmp_path / "data")], env={"COLUMNS": "80"})
    [line] = [line for line in said.stdout.splitlines() if "interrupted" in line]
    assert "2  2 pending" in line
    assert "/00 and 32 more" in line
    assert len(line) <= 80


def test_an_interrupted_run_says_which_run_continued_its_files(library: Library, tmp_path: Path) -> None:
    first = library.run()
    library.meet(first, b"1", b"2", b"3")
    library.runs.close(first, RunState.INTERRUPTED)
    later = library.run()
    library.runs.adopt_open(later)
    said = CliRunner().invoke(app, ["runs", "--data", str(tmp_path / "data")], env={"COLUMNS": "120"})
    [line] = [line for line in said.stdout.splitlines() if "handed over" in line]
    assert "interrupted" in line
    assert f"3\t3 handed over to run {later}" in line
    shown = CliRunner().invoke(app, ["runs", "--json", "--data", str(tmp_path / "data")]).stdout.splitlines()
    assert [json.loads(run)["handed_over"] for run in shown] == [[], [{"run": later, "files": 3}]]


def test_what_is_done_with_a_run_is_told_as_json(library: Library, tmp_path: Path) -> None:
    run = library.run()
    library.meet(run, b"1", b"2", b"3")
    library.take(run)

    def told(verb: str) -> dict[str, object]:
        called = CliRunner().invoke(app, ["runs", verb, str(run), "--json", "--data", str(tmp_path / "data")])
        answer: dict[str, object] = json.loads(called.stdout)
        return answer

    assert told("pause") == {"run": run, "state": "paused"}
    assert told("resume") == {"run": run, "state": "running", "worked_on": False}
    assert told("cancel") == {"run": run, "state": "cancelled", "cancelled": 3, "given_up": 0}


def test_a_run_whose_files_another_has_taken_over_cannot_be_cancelled(
    library: Library, tmp_path: Path
) -> None:
    first = library.run()
    library.meet(first, b"1", b"2")
    library.runs.close(first, RunState.INTERRUPTED)
    later = library.run()
    library.runs.adopt_open(later)
    said = CliRunner().invoke(app, ["runs", "cancel", str(first), "--data", str(tmp_path / "data")])
    assert f"run {first} is interrupted already; 2 of its files were handed over to run {later}" in str(
        said.exception
    )
    assert library.state(first) == RunState.INTERRUPTED


def test_files_of_a_cancelled_run_are_told_with_the_command_that_analyses_them(
    library: Library, tmp_path: Path
) -> None:
    run = library.run()
    library.meet(run, b"1", b"2")
    library.runs.cancel(run)
    advice = "2 files of cancelled runs are not analysed; to analyse after all: `tonearm analyze /music`."
    for command in ("status", "analyze"):
        said = CliRunner().invoke(app, [command, "--data", str(tmp_path / "data")])
        assert advice in " ".join(said.stdout.split())
