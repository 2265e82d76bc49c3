"""A log file is renamed when large, opened again when another program renamed it, and belongs to one process."""

import errno
import os
from pathlib import Path

import pytest

from tonearm.telemetry import log_file
from tonearm.telemetry.log_file import KEPT, LogFile


def test_a_file_that_is_full_is_renamed_and_the_oldest_of_them_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "log" / "tonearm.log"
    file = LogFile(path, most_bytes=10)
    for number in range(KEPT + 3):
        file.write(f"line {number}")
    file.close()
    texts = {one.name: one.read_text() for one in path.parent.iterdir()}
    assert texts == {
        "tonearm.log": "line 7\n",
        **{f"tonearm.log.{number}": f"line {7 - number}\n" for number in range(1, KEPT + 1)},
    }


def test_a_line_longer_than_the_file_may_be_is_written_whole(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "a.log", most_bytes=10)
    file.write("0123456789 0123456789")
    file.write("next")
    assert (tmp_path / "a.log.1").read_text() == "0123456789 0123456789\n"
    assert (tmp_path / "a.log").read_text() == "next\n"


def test_after_another_program_renamed_the_file_lines_go_to_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "CHECK_S", 0.0)
    path = tmp_path / "a.log"
    file = LogFile(path, most_bytes=1e6)
    file.write("before")
    path.rename(tmp_path / "a.log-20260101")
    file.write("after")
    assert (tmp_path / "a.log-20260101").read_text() == "before\n"
    assert path.read_text() == "after\n"
    path.unlink()
    file.write("again")
    assert path.read_text() == "again\n"


def test_a_file_that_another_program_emptied_counts_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "CHECK_S", 0.0)
    path = tmp_path / "a.log"
    file = LogFile(path, most_bytes=20)
    file.write("0123456789")
    os.truncate(path, 0)
    file.write("0123456789")
    assert path.read_text() == "0123456789\n"
    assert not (tmp_path / "a.log.1").exists()


def test_a_process_that_finds_the_file_in_use_takes_one_with_a_number(tmp_path: Path) -> None:
    first, second, third = (LogFile(tmp_path / "a.log", 1e6) for _ in range(3))
    first.write("first")
    second.write("second")
    third.write("third")
    assert [file.path.name for file in (first, second, third)] == ["a.log", "a-2.log", "a-3.log"]
    assert (tmp_path / "a-2.log").read_text() == "second\n"
    first.close()
    fourth = LogFile(tmp_path / "a.log", 1e6)
    fourth.write("fourth")
    assert (tmp_path / "a.log").read_text() == "first\nfourth\n"


def test_a_line_that_does_not_fit_leaves_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.log"
    file = LogFile(path, 1e6)
    file.write("whole")
    write = os.write

    def nearly_full(descriptor: int, data: bytes) -> int:
        if len(data) < 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:8])

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(OSError, match="No space left"):
        file.write("cut in two")
    monkeypatch.undo()
    file.write("next")
    assert path.read_text() == "whole\nnext\n"


def test_a_device_is_neither_locked_nor_renamed() -> None:
    first, second = (LogFile(Path("/dev/null"), most_bytes=1) for _ in range(2))
    for _ in range(3):
        first.write("gone")
        second.write("gone")
    assert second.path == Path("/dev/null")
