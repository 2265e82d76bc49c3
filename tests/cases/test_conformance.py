"""The comparison with other readers names what differs, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cases.conformance import by_tinytag, compared, same
from tests.material import good
from tests.tag_bytes import comments, flac_with, frame, id3v2, text


def test_what_another_reader_finds_otherwise_is_listed_and_the_call_fails(tmp_path: Path) -> None:
    (tmp_path / "alike.flac").write_bytes(
        flac_with(good("flac"), (4, comments([b"TITLE=Song", b"DATE=1998-05"])))
    )
    (tmp_path / "text.txt").write_bytes(b"no music")
    call = [sys.executable, "-m", "tests.cases.conformance", str(tmp_path), "--json"]
    alike = subprocess.run(call, capture_output=True, text=True)
    assert (alike.returncode, alike.stdout) == (0, ""), alike.stdout
    tags = id3v2(frame("TIT2", text("First"))) + id3v2(frame("TIT2", text("Second")))
    (tmp_path / "two tags.mp3").write_bytes(tags + good("mp3"))
    other = subprocess.run(call, capture_output=True, text=True)
    differences = [json.loads(line) for line in other.stdout.splitlines()]
    assert other.returncode == bool(differences)
    assert all(each["path"] == str(tmp_path / "two tags.mp3") for each in differences)


def test_a_reader_that_differs_is_named(tmp_path: Path) -> None:
    path = tmp_path / "song.flac"
    path.write_bytes(flac_with(good("flac"), (4, comments([b"TITLE=Song"]))))
    wrong = {"other": lambda _: {**(by_tinytag(os.fsencode(path)) or {}), "title": "Tune"}}
    assert list(compared(os.fsencode(path), wrong)) == [
        {"path": str(path), "field": "title", "tonearm": "Song", "other": "Tune"}
    ]


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "alike"),
    [
        ("artist", "One; Two", "One", True),
        ("artist", "One; Two", "One/Two", True),
        ("artist", "One", "Two", False),
        ("artist", None, "Two", False),
        ("artist", "One", None, True),
        ("year", 1998, "1998-05-01", True),
        ("year", None, "unknown", True),
        ("track", 3, "3/12", True),
        ("track", None, "3", False),
        ("duration_s", 200.0, 200.15, True),
        ("duration_s", 200.0, 201.0, False),
        ("channels", 2, 1, False),
    ],
)
def test_values_that_mean_the_same_do_not_differ(
    field: str, ours: object, theirs: object, alike: bool
) -> None:
    assert same(field, ours, theirs) is alike
