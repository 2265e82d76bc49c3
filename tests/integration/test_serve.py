"""`tonearm serve` keeps a library up to date, and its HTTP process can be killed without disturbing that."""

import json
import os
import select
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.program import Program

WAIT_S = 90.0


def until(met: Callable[[], object], seconds: float = WAIT_S) -> None:
    """Wait until a condition is met."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end
        time.sleep(0.1)


def address(process: "subprocess.Popen[bytes]") -> str:
    """Where a service has said that it serves."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], WAIT_S)[0]
    url: str = json.loads(process.stdout.readline())["url"]
    return url


def done(program: Program) -> int:
    """How many files are analysed."""
    [(files,)] = program.query("SELECT count(*) FROM files WHERE state = 'done'")
    return int(files)


def services(supervisor: int) -> list[int]:
    """The HTTP processes that a process has started."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat") as stat, open(f"/proc/{name}/cmdline", "rb") as line:
                if int(stat.read().rpartition(")")[2].split()[1]) == supervisor and b"serve" in line.read():
                    found.append(int(name))
        except (OSError, ValueError):
            continue
    return found


@pytest.fixture
def music(every_format: Path, tmp_path: Path) -> Path:
    """A folder with one file."""
    folder = tmp_path / "music"
    folder.mkdir()
    shutil.copy(every_format / "flac.flac", folder / "1.flac")
    return folder


def test_one_command_keeps_a_library_up_to_date(program: Program, music: Path, every_format: Path) -> None:
    program.run("analyze", music, check=True)
    shutil.copy(every_format / "mp3.mp3", music / "2.mp3")
    keeper = program.start("serve", "--listen", "127.0.0.1:0", "--json")
    url = address(keeper)
    until(lambda: done(program) == 2)  # it scans at its start
    [service] = services(keeper.pid)
    os.kill(service, signal.SIGKILL)
    shutil.copy(every_format / "wav.wav", music / "3.wav")
    until(lambda: done(program) == 3)  # it watches, whatever becomes of the service
    until(lambda: services(keeper.pid) not in ([], [service]))

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/health") as answer:  # noqa: S310  the address is ours
                return bool(answer.status == 200)
        except OSError:
            return False

    until(answers)

    elsewhere = music.parent / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(every_format / "vorbis.ogg", elsewhere / "4.ogg")
    followed = program.run("analyze", elsewhere, "--priority", "high", check=True)
    assert followed.summary["done"] == 1
    refused = program.run("analyze", elsewhere, "--workers", "1")
    assert (refused.status, "--workers" in refused.errors) == (2, True)

    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(WAIT_S) == 0
    assert services(keeper.pid) == []
    program.assert_nothing_lost(4)


def test_a_page_beside_a_run_ends_with_it(program: Program, music: Path) -> None:
    process = program.start("analyze", music, "--page")
    output, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, errors
    assert b"The page of this run is at http://127.0.0.1:" in output
    assert services(process.pid) == []
