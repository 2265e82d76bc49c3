"""A paced file is not read faster than allowed; what was read before costs nothing."""

import os
from pathlib import Path

import pytest

from tonearm.worker.paced_file import BLOCK_BYTES, PacedFile

RATE = 1e6


class Time:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def file(tmp_path: Path, time: Time) -> PacedFile:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(4_000_000))
    return PacedFile(os.open(path, os.O_RDONLY), RATE, lambda: time.now, time.sleep)


def test_a_file_takes_as_long_as_its_size_and_the_pace_say(file: PacedFile, time: Time) -> None:
    size = 0
    with file:
        while piece := file.read(50_000):
            size += len(piece)
    assert size == 4_000_000
    assert time.now == pytest.approx(4.0, abs=0.4)


def test_what_was_read_before_costs_nothing_wherever_reading_began(file: PacedFile, time: Time) -> None:
    with file:
        file.seek(-128, os.SEEK_END)
        file.read(128)
        assert time.now == 0
        file.seek(0)
        first = file.read(4 * BLOCK_BYTES)
        while file.read(BLOCK_BYTES):
            pass
        once = time.now
        assert once == pytest.approx(4.0, abs=0.4)
        file.seek(0)
        assert file.read(4 * BLOCK_BYTES) == first
        while file.read(BLOCK_BYTES):
            pass
        assert time.now == once


def test_a_pause_of_the_reader_does_not_allow_a_burst_later(file: PacedFile, time: Time) -> None:
    with file:
        file.read(100_000)
        time.now += 100
        for _ in range(20):
            file.read(100_000)
        assert time.now - 100 == pytest.approx(2.0, abs=0.3)
