"""Tokens and the audit on the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.library_fixture import Library
from tests.unit.web.conftest import fill
from tests.variables import unset_variables
from tonearm.cli.app import app


@pytest.fixture
def data(library: Library, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a library with a run and a failed file."""
    unset_variables(monkeypatch)
    fill(library)
    return Path(library.database.address).parent


def called(data: Path, *arguments: str) -> Result:
    """The result of a command."""
    return CliRunner().invoke(app, [*arguments, "--data", str(data)], standalone_mode=False)


def lines(data: Path, *arguments: str) -> list[dict[str, object]]:
    """The JSON lines of a command."""
    return [json.loads(line) for line in called(data, *arguments, "--json").stdout.splitlines()]


def test_what_a_command_does_is_noted(data: Path) -> None:
    called(data, "runs", "pause", "1")
    called(data, "retry", "--all", "--yes")
    called(data, "prioritize", "/music/waiting.flac", "--priority", "high")
    found = lines(data, "audit")
    assert [(entry["action"], entry["about"], entry["rows"]) for entry in found] == [
        ("change priorities", {"path": "/music/waiting.flac", "level": "high"}, 1),
        ("retry failed files", {}, 1),
        ("pause a run", {"run": 1}, None),
    ]
    assert all(str(entry["from"]).endswith(", command line") and entry["who"] for entry in found)
    assert lines(data, "audit", "--since", "2099-01-01") == []
    assert len(lines(data, "audit", "--limit", "1")) == 1


def test_what_is_refused_is_not_noted(data: Path) -> None:
    called(data, "runs", "pause", "99")
    assert lines(data, "audit") == []


def test_a_token_is_shown_once_and_revoked_by_its_name(data: Path) -> None:
    (made,) = lines(data, "token", "make", "tablet", "--act")
    assert str(made["token"]).startswith("tonearm_")
    assert isinstance(called(data, "token", "make", "tablet").exception, Exception)
    (listed,) = lines(data, "token", "list")
    assert (listed["name"], listed["may_act"], listed["used_at"]) == ("tablet", True, None)
    assert str(made["token"]) not in called(data, "token", "list").output
    called(data, "token", "revoke", "tablet")
    assert lines(data, "token", "list") == []
    assert [entry["action"] for entry in lines(data, "audit")] == ["revoke a token", "make a token"]


@pytest.mark.parametrize("name", ["", " x", "a" * 101, "line\nbreak"])
def test_a_name_of_a_token_is_printable(data: Path, name: str) -> None:
    assert called(data, "token", "make", name).exception is not None
