"""``tonearm tags`` as a person calls it."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.unit.library_fixture import opened
from tests.unit.tagging.collection import TagCollection
from tonearm.cli.app import app

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, empty: bytes) -> Call:
    """Calls the command on a library with a FLAC, and a file whose tags are not written."""
    music = tmp_path / "music"
    music.mkdir()
    with opened(tmp_path / "data", empty) as library:
        collection = TagCollection(library, music)
        collection.put("flac.x")
        collection.put("other.x", b"wvpk" + bytes(100))

    def run(*arguments: str) -> Result:
        environment = {
            "TONEARM_DATA_DIR": str(tmp_path / "data"),
            "TONEARM_CONFIG": os.devnull,
            "TONEARM_KEY_TAG": "camelot",
        }
        return CliRunner().invoke(app, ["tags", *arguments], env=environment)

    return run


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_from_a_plan_to_the_undo(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "music" / "flac.x"
    before = path.read_bytes()
    [plan] = objects(call("plan", str(tmp_path / "music"), "--write", "bpm", "--write", "key", "--json"))
    assert (plan["proposals"], plan["conflicted"], plan["unchanged"]) == (2, 1, 0)
    first, second = objects(call("list", "--json"))
    assert first["changes"] == [
        {"field": "bpm", "name": "BPM", "before": [], "after": ["128"]},
        {"field": "key", "name": "INITIALKEY", "before": [], "after": ["12A"]},
    ]
    assert [cost["field"] for cost in first["costs"]] == ["key"]
    assert [each["code"] for each in second["conflicts"]] == ["format"]
    assert "INITIALKEY: – -> 12A" in call("show", "1").stdout
    assert objects(call("approve", "--all", "--json")) == [{"approved": 1}]
    applied = call("apply", "--json")
    assert (applied.exit_code, objects(applied)[-1]["written"]) == (0, 1)
    assert path.read_bytes() != before
    assert call("undo", str(path)).exit_code == 0
    assert path.read_bytes() == before
    assert call("undo").exit_code == 2


def test_a_pattern_of_paths_that_can_not_be_used_is_said(call: Call, tmp_path: Path) -> None:
    for arguments, said in (
        (("--from-path", "{titel}"), "{titel}: there is no field titel; do you mean title?"),
        (("--only-missing",), "--only-missing is for --from-path"),
    ):
        refused = call("plan", str(tmp_path), *arguments)
        assert (refused.exit_code, said in refused.stderr) == (2, True)
    [plan] = objects(call("plan", str(tmp_path / "music"), "--from-path", "{title}", "--json"))
    assert (plan["proposals"], plan["unknown"]) == (2, 0)


def test_what_scans_leave_out_is_counted(call: Call, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "data" / "tonearm.db")) as database, database:
        database.execute("UPDATE files SET left_out_since = 1 WHERE path = ?", (b"flac.x",))
    [plan] = objects(call("plan", str(tmp_path / "music"), "--json"))
    assert (plan["proposals"], plan["left_out"]) == (1, 1)
    assert "1 file that scans leave out" in call("plan", str(tmp_path / "music")).output
