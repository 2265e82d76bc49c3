"""Stacks are bounded, and a document of a child that was taken over is refused or harmless."""

import sys
import zlib
from typing import Any

import pytest

from tonearm.worker.profile import MAX_BYTES, Profile, SampledProcess
from tonearm.worker.stacks import (
    DEEPER,
    MAX_DEPTH,
    MAX_STACKS,
    MAX_TEXT,
    OTHER,
    WAITING,
    Frame,
    InvalidStacks,
    StackReader,
    Stacks,
)

MAIN, WORK = Frame("main", "tonearm.cli", 3), Frame("work", "tonearm.worker", 7)


def filled(*stacks: tuple[tuple[Frame, ...], float]) -> Stacks:
    made = Stacks()
    for stack, seconds in stacks:
        made.add(stack, seconds)
    return made


def test_times_of_the_same_stack_add_up() -> None:
    stacks = filled(((MAIN,), 0.5), ((MAIN, WORK), 0.25), ((MAIN,), 1.0))
    stacks.merge(filled(((MAIN, WORK), 0.25)))
    assert dict(stacks) == {(MAIN,): 1.5, (MAIN, WORK): 0.5}
    assert stacks.seconds == 2.0
    assert dict(Stacks.from_document(stacks.to_document())) == dict(stacks)


def test_more_stacks_than_are_kept_lose_no_time() -> None:
    stacks = filled(*(((Frame(f"f{number}"),), 0.01) for number in range(MAX_STACKS + 500)))
    assert len(stacks) == MAX_STACKS + 1
    assert dict(stacks)[OTHER] == pytest.approx(5.0)
    assert len(Stacks.from_document(stacks.to_document())) == MAX_STACKS + 1


def test_a_stack_ends_with_the_line_that_runs_or_the_wait() -> None:
    stack = StackReader().read(sys._getframe(), waiting=True)
    here = Frame("test_a_stack_ends_with_the_line_that_runs_or_the_wait", __name__)
    assert stack[-3]._replace(line=0) == here
    assert stack[-2].name == f"line {stack[-3].line + 1}"
    assert stack[-1] == WAITING


def test_a_deep_stack_is_cut_off() -> None:
    def deep(more: int) -> tuple[Frame, ...]:
        return deep(more - 1) if more else StackReader().read(sys._getframe(), waiting=False)

    stack = deep(300)
    assert (len(stack), stack[-1]) == (MAX_DEPTH + 1, DEEPER)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"frames": [], "stacks": [[[0], 1.0]]},
        {"frames": [["a", "b", 1]], "stacks": [[[-1], 1.0]]},
        {"frames": [["a", "b", 1]], "stacks": [[[True], 1.0]]},
        {"frames": [["a", "b", 1]], "stacks": [[[0], -1.0]]},
        {"frames": [["a", "b", 1]], "stacks": [[[0], 1e300]]},
        {"frames": [["a", "b", 1]], "stacks": [[[0], "1"]]},
        {"frames": [["a", "b", 1]], "stacks": [[[0] * (MAX_DEPTH + 5), 1.0]]},
        {"frames": [["a", "b", 1]], "stacks": [[[0], 1.0]] * (MAX_STACKS + 2)},
        {"frames": [["a", "b"]], "stacks": [[[0], 1.0]]},
        {"frames": [["a", 2, 1]], "stacks": [[[0], 1.0]]},
        {"frames": [["a", "b", 1.5]], "stacks": [[[0], 1.0]]},
        {"frames": [{"a": 1}], "stacks": []},
        {"frames": [["a", "b", 1]] * (MAX_STACKS * MAX_DEPTH + 1), "stacks": []},
    ],
)
def test_what_is_no_document_of_stacks_is_refused(document: Any) -> None:
    with pytest.raises(InvalidStacks):
        Stacks.from_document(document)


def test_long_names_are_cut_off() -> None:
    document = {"frames": [["a" * 10_000, "b" * 10_000, 1 << 60]], "stacks": [[[0], 1.0]]}
    [(stack, _)] = Stacks.from_document(document)
    assert stack == (Frame("a" * MAX_TEXT, "b" * MAX_TEXT, 1 << 31),)


def test_a_profile_survives_the_database() -> None:
    processes = [SampledProcess(7, False, filled(((MAIN,), 1.0))), SampledProcess(8, True, Stacks())]
    profile = Profile("a", 1e9, 2.5, processes, ["one is missing"])
    read = Profile.from_bytes(profile.to_bytes())
    assert (read.worker, read.began_at, read.seconds, read.notes) == ("a", 1e9, 2.5, ["one is missing"])
    assert [each.name for each in read.processes] == ["supervisor 7", "child 8"]
    assert dict(read.processes[0].stacks) == {(MAIN,): 1.0}


def test_a_profile_that_is_none_is_refused() -> None:
    for data in (
        b"",
        b"x",
        zlib.compress(b"{}"),
        zlib.compress(b"[1]"),
        zlib.compress(bytes(MAX_BYTES + 1), 1),
    ):
        with pytest.raises(InvalidStacks):
            Profile.from_bytes(data)
