"""When the database can't be written, the program waits and continues, or stops with a message; nothing is lost."""

import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.program import MANY, READ_MB_S, Program, children_of, kill, reconciles, wait_for
from tonearm.library.sqlite_connection import BUSY_TIMEOUT_S


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of twelve megabytes."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free on a disk."""
    ballast = disk / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    for size in (65536, 4096, 1):
        try:
            while True:
                os.write(descriptor, bytes(size))
        except OSError:
            continue
    os.close(descriptor)
    return ballast


def test_a_full_disk_pauses_the_run_until_there_is_room(
    small_disk: Path, many_files: Path, make_program: Callable[..., Program]
) -> None:
    program = make_program(small_disk / "data", TONEARM_READ_MB_S=str(2 * READ_MB_S))
    process = program.start("analyze", many_files, "--json")
    wait_for(process, "job_finished")
    ballast = fill(small_disk)
    waiting = wait_for(process, "storage_state_changed")
    assert waiting["state"] == "waiting"
    assert "no room" in waiting["reason"]
    time.sleep(1)
    assert process.poll() is None
    ballast.unlink()
    outcome = program.wait(process)
    assert outcome.status == 0, outcome.errors
    assert outcome.summary["done"] == MANY
    program.assert_nothing_lost(MANY)


def test_a_disk_that_stays_full_stops_the_run_clearly_and_the_next_one_finishes(
    small_disk: Path, many_files: Path, make_program: Callable[..., Program]
) -> None:
    program = make_program(
        small_disk / "data", TONEARM_STORAGE_WAIT_S="2", TONEARM_READ_MB_S=str(2 * READ_MB_S)
    )
    process = program.start("analyze", many_files, "--json")
    wait_for(process, "job_finished")
    ballast = fill(small_disk)
    outcome = program.wait(process, timeout=120)
    assert outcome.status == 130
    assert "no room on the disk" in outcome.errors
    assert outcome.summary["pending"] > 0
    assert reconciles(outcome.summary)
    ballast.unlink()
    again = program.run("analyze", many_files, check=True)
    assert again.summary["pending"] == 0
    program.assert_nothing_lost(MANY)


def test_a_disk_that_is_full_from_the_start_is_told(
    small_disk: Path, many_files: Path, make_program: Callable[..., Program]
) -> None:
    ballast = fill(small_disk)
    program = make_program(small_disk / "data", TONEARM_STORAGE_WAIT_S="1")
    outcome = program.run("analyze", many_files)
    assert outcome.status == 2
    assert "no room" in outcome.errors or "No space" in outcome.errors
    ballast.unlink()
    program.run("analyze", many_files, check=True)
    program.assert_nothing_lost(MANY)


def test_a_library_on_a_disk_that_is_read_only_is_told(
    small_disk: Path, make_program: Callable[..., Program]
) -> None:
    program = make_program(small_disk / "data")
    program.run("migrate", check=True)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    outcome = program.run("tracks")
    assert outcome.status == 2
    assert "tonearm.db: it is read-only here" in outcome.errors


def test_a_locked_database_is_waited_for(paced_program: Program, many_files: Path) -> None:
    program = paced_program
    process = program.start("analyze", many_files, "--json")
    wait_for(process, "job_finished")
    other = sqlite3.connect(program.data / "tonearm.db", timeout=20, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(BUSY_TIMEOUT_S + 1, other.rollback).start()
    outcome = program.wait(process)
    other.close()
    assert outcome.status == 0, outcome.errors
    program.assert_nothing_lost(MANY)


def test_a_file_that_is_no_database_is_refused_and_left_alone(program: Program, many_files: Path) -> None:
    program.data.mkdir()
    (program.data / "tonearm.db").write_bytes(b"my only copy of something else" * 100)
    outcome = program.run("analyze", many_files)
    assert outcome.status == 2
    assert "it is not a SQLite database" in outcome.errors
    assert (program.data / "tonearm.db").read_bytes() == b"my only copy of something else" * 100


def test_a_second_call_on_the_same_library_is_refused(program: Program, many_files: Path) -> None:
    process = program.start("analyze", many_files, "--json")
    wait_for(process, "job_started")
    children = children_of(process.pid)
    for child in children:
        kill(child, signal.SIGSTOP)  # the first call is at work until the second has ended
    second = program.run("analyze", many_files)
    assert second.status == 2
    assert str(process.pid) in second.errors
    for child in children:
        kill(child, signal.SIGCONT)
    assert program.wait(process).status == 0
    program.assert_nothing_lost(MANY)


def test_the_library_can_be_copied_and_used_elsewhere(
    program: Program, tmp_path: Path, every_format: Path, make_program: Callable[..., Program]
) -> None:
    program.run("analyze", every_format, check=True)
    shutil.copytree(program.data, tmp_path / "copy")
    copy = make_program(tmp_path / "copy")
    assert copy.run("analyze", every_format, check=True).summary["decoded_s"] == 0
