"""A command ends without an error message when the reader of its output closes the pipe."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def called(
    *arguments: str, stdout: int, stderr: int, **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    """The real command, which has a standard output of its own."""
    there = {**os.environ, "TONEARM_CONFIG": os.devnull, **environment}
    return subprocess.run(
        [sys.executable, "-m", "tonearm", *arguments], stdout=stdout, stderr=stderr, env=there
    )


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("arguments", [["config"], ["config", "--json"]])
def test_a_command_whose_output_nobody_reads_ends_quietly_as_by_sigpipe(
    arguments: list[str], unread: int
) -> None:
    ended = called(*arguments, stdout=unread, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_output_that_can_not_be_written_is_said_in_a_sentence() -> None:
    with open("/dev/full", "wb") as full:
        ended = called("config", stdout=full.fileno(), stderr=subprocess.PIPE)
    assert ended.returncode == 2
    assert ended.stderr.decode().splitlines() == [
        "tonearm: standard output can't be written: No space left on device"
    ]


def test_a_command_without_standard_streams_does_its_work(tmp_path: Path) -> None:
    shell = f'exec "$0" -m tonearm config --data {tmp_path} <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", shell, sys.executable]).returncode == 0


def test_an_error_that_nobody_reads_shows_in_the_status(unread: int) -> None:
    assert called("config", stdout=unread, stderr=unread, TONEARM_WORKERS="many").returncode == 2
