"""A mount that stops answering in mid-run costs the files on it some time, and the others nothing."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import material
from tests.fuse_folder import shown
from tests.program import Program, wait_for

GOOD, SHOWN = 12, 6


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[tuple[Path, Path, "subprocess.Popen[str]"]]:
    """A folder on this disk, one on a mount, and the process that serves the mount."""
    for name, count in (("good", GOOD), ("real", SHOWN)):
        (tmp_path / name).mkdir()
        for number in range(count):
            samples = material.music(4.0, bpm=90.0 + number, seed=len(name) * 100 + number)
            (tmp_path / name / f"{number:02}.flac").write_bytes(material.encode(samples, "flac"))
    with shown(tmp_path / "real", tmp_path / "nas") as server:
        yield tmp_path / "good", tmp_path / "nas", server


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGUSR1], ids=["stopped", "mute"])
def test_a_mount_that_hangs_in_mid_run_holds_up_only_its_own_files(
    folders: tuple[Path, Path, "subprocess.Popen[str]"],
    tmp_path: Path,
    make_program: Callable[..., Program],
    how: signal.Signals,
) -> None:
    good, nas, server = folders
    program = make_program(tmp_path / "data", TONEARM_DEADLINE_BASE_S="6")
    process = program.start("analyze", nas, good, "--json")
    wait_for(process, "job_started")
    server.send_signal(how)
    outcome = program.wait(process)
    assert {
        Path(event["path"]).name for event in outcome.of("job_finished") if good.name in event["path"]
    } == {f"{number:02}.flac" for number in range(GOOD)}
    hung = [event for event in outcome.of("warned") if event["code"] == "folder-hangs"]
    assert str(nas) in [
        event["path"] for event in hung
    ]  # a busy machine may take others for hung, for a moment
    assert outcome.summary["failed"] == 0
    status = subprocess.run(
        [sys.executable, "-m", "tonearm", "status"],
        env=program.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{nas} does not answer within 3 s; check the disk" in status.stdout
    if how is signal.SIGSTOP:  # a question that was read and not answered hangs for ever
        server.send_signal(signal.SIGCONT)
        assert program.run("analyze").status == 0
        program.assert_nothing_lost(GOOD + SHOWN)
