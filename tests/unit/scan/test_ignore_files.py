"""Ignore files mean what they mean to git, whatever they hold."""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tonearm.scan.ignore_files import MAX_BYTES, MAX_PATTERNS, IgnoreRules, parsed, read_ignore_file

FOLDERS = ("a", "ab", "!a", "a/a", "a/ab", "a/a/b.c")
FILES = ("a.", "b", "#a", "a b", "b.c", "a/b", "a/b.c", "a/a/b", "ab/-", "ab/[", "!a/b", "a/a/b.c/a")
SIGNS = [
    *("a", "b", "c", ".", "-", " ", "!", "#", "\\", "[", "]", "?", "*", "**", "/", "**/", "/**"),
    *("[ab]", "[!a]", "[^b-]", "[]a]", "[a-c]", "[[:alpha:]]", "[\\]a]", "[a/b]"),
]


def rules(*lines: str) -> IgnoreRules:
    found, _ = parsed("\n".join(lines).encode())
    return IgnoreRules(found, 0, None)


def leaves_out(of: IgnoreRules, path: str, is_folder: bool) -> bool:
    """Whether a path or a folder above it is left out."""
    parts = path.encode().split(b"/")
    above = (b"/".join(parts[:depth]) for depth in range(1, len(parts)))
    return any(of.ignores(folder, True) for folder in above) or of.ignores(path.encode(), is_folder)


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git, whose rules are compared")
def test_random_patterns_leave_out_what_git_leaves_out(tmp_path: Path) -> None:
    chance = random.Random(7)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    ours: dict[str, bool] = {}
    for number in range(80):
        folder = tmp_path / str(number)
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        lines = ["".join(chance.choices(SIGNS, k=chance.randint(1, 4))) for _ in range(chance.randint(1, 3))]
        lines = [
            line for line in lines if not any(f"{sign}**" in line for sign in "abc.]?-")
        ]  # see wildmatch.c
        (folder / ".gitignore").write_text("\n".join(lines) + "\n")
        of = rules(*lines)
        ours |= {f"{number}/{name}": leaves_out(of, name, True) for name in FOLDERS}
        ours |= {f"{number}/{name}": leaves_out(of, name, False) for name in FILES}
    asked = "\0".join(ours).encode() + b"\0"
    command = ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "-z", "--stdin", "-v", "-n"]
    words = subprocess.run(command, input=asked, capture_output=True, check=False).stdout.decode().split("\0")
    theirs = {
        words[at + 3]: bool(words[at]) and not words[at + 2].startswith("!")
        for at in range(0, len(words) - 3, 4)
    }
    assert ours == theirs


def test_a_pattern_made_to_take_forever_takes_a_moment() -> None:
    of = rules("*a" * 30 + "b", "[a-z]*" * 40 + "!", "**/a/" * 20 + "b")
    assert not of.ignores(b"a" * 255, False)
    assert not of.ignores(b"/".join([b"a"] * 200), False)


def test_invalid_lines_are_named_and_cost_themselves_alone() -> None:
    found, problems = parsed(b"# song\n[abc\r\nx\\\n!\n/\n[[:song:]]\n\xff\xfe\n\n")
    assert [problem.partition(":")[0] for problem in problems] == [f"line {number}" for number in range(2, 7)]
    assert IgnoreRules(found, 0, None).ignores(b"\xff\xfe", False)


def test_size_and_number_of_patterns_and_of_complaints_are_bounded() -> None:
    found, problems = parsed(b"a*\n" * (MAX_PATTERNS + 5))
    assert (len(found), len(problems)) == (MAX_PATTERNS, 1)
    found, problems = parsed(b"last\n" + b"x" * MAX_BYTES)
    assert (len(found), len(problems)) == (1, 1)
    _, problems = parsed(b"[\n" * 500)
    assert len(problems) == 11
    assert "490" in problems[-1]


def test_a_file_that_is_none_is_not_opened(tmp_path: Path) -> None:
    place = tmp_path / ".tonearmignore"
    assert read_ignore_file(os.fsencode(tmp_path), b"", None) == (None, [])
    place.symlink_to("/dev/zero")
    assert len(read_ignore_file(os.fsencode(tmp_path), b"", None)[1]) == 1
    place.unlink()
    os.mkfifo(place)
    assert len(read_ignore_file(os.fsencode(tmp_path), b"", None)[1]) == 1
    place.unlink()
    place.mkdir()
    assert len(read_ignore_file(os.fsencode(tmp_path), b"", None)[1]) == 1
