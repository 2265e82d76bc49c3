"""What a child writes is relayed line by line, bounded for each file, and holds up neither side."""

import contextlib
import os
from collections.abc import Iterator

import pytest

from tonearm.worker.child_output import LEFT_OUT, LONGEST_LINE, MOST_BYTES, ChildOutput


@pytest.fixture
def output() -> Iterator[ChildOutput]:
    output = ChildOutput()
    yield output
    output.close()


def test_lines_come_whole_however_they_were_written(output: ChildOutput) -> None:
    os.write(output.writer, b"one\ntw")
    assert output.lines() == ["one"]
    os.write(output.writer, b"o \xff\x1b[2J\n\n\nthree")
    assert output.lines() == ["two \\xff\x1b[2J"]
    output.started()
    assert (output.lines(), output.ended) == (["three"], True)
    assert output.last == "three"


def test_a_line_without_an_end_is_divided(output: ChildOutput) -> None:
    os.write(output.writer, b"x" * (LONGEST_LINE + 10))
    assert [len(line) for line in output.lines()] == [LONGEST_LINE, 10]


def test_what_is_written_about_a_file_is_bounded_and_the_next_file_is_not_affected(
    output: ChildOutput,
) -> None:
    found = []
    for _ in range(30):
        os.write(output.writer, (b"y" * 99 + b"\n") * 40)
        found += output.lines()
    assert found[-1] == LEFT_OUT
    assert found.count(LEFT_OUT) == 1
    assert sum(map(len, found[:-1])) <= MOST_BYTES
    output.begin_file()
    os.write(output.writer, b"next\n")
    assert output.lines() == ["next"]


def test_a_child_whose_lines_nobody_reads_is_not_held_up(output: ChildOutput) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(output.writer, b"z" * 4000)
    with pytest.raises(BlockingIOError):
        os.write(output.writer, b"z" * 4000)
