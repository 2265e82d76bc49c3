"""``tonearm rename`` as a person calls it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.unit.library_fixture import opened
from tests.unit.naming.collection import Collection
from tonearm.cli.app import app

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, empty: bytes) -> Call:
    """Calls the command on a library with two files, one of them without a title."""
    music = tmp_path / "music"
    music.mkdir()
    with opened(tmp_path / "data", empty) as library:
        collection = Collection(library, music)
        collection.put("a.flac", title="One", artist="x", track=1)
        collection.put("b.flac", artist="x")

    def run(*arguments: str, rules: list[dict[str, object]] | None = None) -> Result:
        environment = {"TONEARM_DATA_DIR": str(tmp_path / "data"), "TONEARM_CONFIG": os.devnull}
        if rules is not None:
            environment["TONEARM_RENAME_RULES"] = json.dumps(rules)
        return CliRunner().invoke(app, ["rename", *arguments], env=environment)

    return run


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_from_a_plan_to_the_undo(call: Call, tmp_path: Path) -> None:
    music = tmp_path / "music"
    [plan] = objects(call("plan", str(music), "--template", "{track:02} {title}", "--json"))
    assert (plan["batch"], plan["proposals"], plan["conflicted"]) == (1, 2, 1)
    first, second = objects(call("list", "--batch", "1", "--json"))
    assert first["proposed_path"] == str(music / "01 One.flac")
    assert (first["confidence"], first["conflicts"], first["status"]) == (1.0, [], "pending")
    assert (second["proposed_path"], [each["code"] for each in second["conflicts"]]) == (
        None,
        ["unknown-field"],
    )
    assert {cost["field"] for cost in second["costs"]} == {"title", "track"}
    assert objects(call("approve", "--all", "--json")) == [{"approved": 1}]
    applied = call("apply", "--json")
    assert (applied.exit_code, objects(applied)[-1]["renamed"]) == (0, 1)
    assert sorted(os.listdir(music)) == ["01 One.flac", "b.flac"]
    assert call("undo", str(music / "01 One.flac")).exit_code == 0
    assert sorted(os.listdir(music)) == ["a.flac", "b.flac"]
    assert call("undo").exit_code == 2


def test_rules_choose_the_template(call: Call, tmp_path: Path) -> None:
    rules: list[dict[str, object]] = [{"missing": ["title"]}, {"template": "{artist} {title}"}]
    [plan] = objects(call("plan", str(tmp_path / "music"), "--json", rules=rules))
    assert (plan["proposals"], plan["kept"]) == (1, 1)


def test_a_mistake_in_a_template_is_pointed_at(call: Call, tmp_path: Path) -> None:
    refused = call("plan", str(tmp_path / "music"), "--template", "{artist} {titel}")
    assert "character 11: there is no field titel; do you mean title?" in str(refused.exception)
    assert str(refused.exception).splitlines()[-1] == " " * 12 + "^"


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "{music}"),
        ("plan", "{music}", "--template", "x", "--preset", "dj"),
        ("plan", "{music}", "--preset", "dj", "--move", "--in-place"),
        ("plan", "{music}", "--preset", "dj", "--in-place", "--to", "{music}"),
        ("approve",),
        ("list", "--status", "moved"),
    ],
)
def test_wrong_usage_is_refused(call: Call, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    refused = call(*(each.format(music=tmp_path / "music") for each in arguments))
    assert refused.exit_code == 2


def test_trying_shows_a_name_and_writes_nothing(call: Call, tmp_path: Path) -> None:
    shown = call("try", "{artist}/<{disc}->{title}", str(tmp_path / "music" / "a.flac"), "--json")
    [found] = objects(shown)
    assert (shown.exit_code, found["name"], found["confidence"]) == (0, "x/One.flac", 0.95)
    assert call("try", "{title}", str(tmp_path / "music" / "b.flac")).exit_code == 1
    assert objects(call("list", "--json")) == []
