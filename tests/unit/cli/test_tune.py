"""What `tonearm tune` prints of its measurements, and what it refuses."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.tuning.rounds import a_round, measured, repeated
from tonearm.bootstrap.tune import Measurements
from tonearm.cli.app import app
from tonearm.library.process_lock import exclusive_lock
from tonearm.tuning.measured import Measured

SLOW_SETTINGS = {1: [1.0, 1.01, 0.99], 2: [1.08, 1.09, 1.07]}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """What a machine with two cores and one worker gave."""
    rounds = [*repeated(SLOW_SETTINGS), a_round(2, 1.08, cold=False)]
    found = replace(measured(rounds, workers=1), failures=("it can't be decoded",))
    monkeypatch.setattr(Measurements, "run", lambda _: found)
    return found


@pytest.mark.usefixtures("found")
def test_json_has_the_measurements_and_a_proposal_for_each_setting() -> None:
    said = CliRunner().invoke(app, ["tune", "samples", "--json"])
    assert said.exit_code == 0, said.output
    rows = [json.loads(line) for line in said.stdout.splitlines()]
    kinds = {"machine", "reading", "speed", "bottleneck", "hardware", "proposal"}
    assert {row["about"] for row in rows} == kinds
    proposed = {row["setting"]: row for row in rows if row["about"] == "proposal"}
    assert set(proposed) == {"workers", "memory_mb", "recycle_files"}
    assert proposed["workers"]["proposed"] == 2
    assert proposed["workers"]["expected"] == pytest.approx(0.85, abs=0.01)
    [memory] = [row for row in rows if row["about"] == "speed" and not row["cold"]]
    assert memory["processor_share"] is None


@pytest.mark.usefixtures("found")
def test_a_person_gets_sentences_and_is_told_how_to_write_the_settings() -> None:
    said = CliRunner().invoke(app, ["tune", "samples"])
    assert said.exit_code == 0, said.output
    assert "workers = 2 instead of 1, +85% (± 1%): " in said.stdout
    assert "memory_mb = 1024 stays: " in said.stdout
    assert "1 attempt failed, the last one because: it can't be decoded." in said.stdout
    assert "The limit: processor; with 2 workers" in said.stdout
    assert re.search(r"One more core: about \+40%; 2 cores brought \+85% over one", said.stdout)
    assert "`tonearm tune --write` writes this into" in said.stdout


@pytest.mark.usefixtures("found")
def test_proposals_are_written_and_variables_with_precedence_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tonearm.toml"
    file.write_text("workers = 1 # as before\n")
    monkeypatch.setenv("TONEARM_CONFIG", str(file))
    monkeypatch.setenv("TONEARM_WORKERS", "1")
    said = CliRunner().invoke(app, ["tune", "samples", "--write"])
    assert said.exit_code == 0, said.output
    assert file.read_text() == "workers = 2 # as before\n"
    assert "TONEARM_WORKERS is set in the environment and has precedence" in said.stdout


@pytest.mark.usefixtures("found")
def test_it_refuses_while_a_process_analyses_with_the_library(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path):
        said = CliRunner().invoke(app, ["tune", "samples", "--data", str(tmp_path)])
    assert "measure when it has ended" in str(said.exception)


@pytest.mark.parametrize("path", ["nowhere", "docs"])
def test_a_folder_without_music_is_refused(path: str) -> None:
    assert CliRunner().invoke(app, ["tune", path]).exit_code != 0
