"""`tonearm tune` measures with real children, leaves the library alone and nothing else behind."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.program import Program, alive, children_of, until


@pytest.fixture
def music(every_format: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for name in ("flac.flac", "mp3.mp3", "vorbis.ogg"):
        shutil.copy(every_format / name, folder)
    return folder


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """The data folder and the folder for temporary files."""
    places = tmp_path / "data", tmp_path / "tmp"
    places[1].mkdir()
    return places


def test_a_short_measurement_reports_speeds_and_leaves_the_library_alone(
    make_program: Callable[..., Program], music: Path, places: tuple[Path, Path]
) -> None:
    data, temporary = places
    program = make_program(data, TONEARM_WORKERS="1", TMPDIR=str(temporary))
    program.run("analyze", music, check=True)
    before = program.query("SELECT * FROM files"), program.query("SELECT * FROM jobs")
    found = program.run("tune", "--seconds", "2", check=True).events
    speeds = {row["workers"]: row for row in found if row["about"] == "speed" and row["cold"]}
    assert 1 in speeds
    assert all(row["files_per_hour"] > 0 for row in speeds.values())
    [machine] = [row for row in found if row["about"] == "machine"]
    assert (machine["files"], machine["source"], machine["failures"]) == (3, "the library", 0)
    proposals = {row["setting"]: row for row in found if row["about"] == "proposal"}
    assert {"workers", "recycle_files"} <= set(proposals)
    assert (program.query("SELECT * FROM files"), program.query("SELECT * FROM jobs")) == before
    assert not [name for name in os.listdir(data) if "tune" in name]
    assert os.listdir(temporary) == []


def test_interrupted_it_ends_at_once_and_leaves_nothing_behind(
    make_program: Callable[..., Program], music: Path, places: tuple[Path, Path]
) -> None:
    data, temporary = places
    program = make_program(data, TMPDIR=str(temporary))
    process = program.start("tune", music, "--seconds", "600")
    until(lambda: bool(children_of(process.pid)))
    children = children_of(process.pid)
    os.kill(process.pid, signal.SIGINT)
    outcome = program.wait(process, timeout=60)
    assert (outcome.status, outcome.events, outcome.errors) == (130, [], "")
    assert not any(map(alive, children))
    assert os.listdir(temporary) == []
    assert not data.exists()


def test_files_that_can_not_be_analysed_are_the_reason_why_nothing_is_measured(
    make_program: Callable[..., Program], tmp_path: Path
) -> None:
    (tmp_path / "broken.flac").write_bytes(b"not a sound" * 100)
    program = make_program(tmp_path / "data")
    outcome = program.run("tune", tmp_path / "broken.flac", "--seconds", "1")
    assert outcome.status == 2
    assert "none of the files could be analysed: " in outcome.errors
