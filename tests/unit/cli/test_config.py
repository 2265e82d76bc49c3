"""A person relies on: settings can be shown to anybody; no password is among them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tonearm.cli.app import app
from tonearm.cli.config import without_password
from tonearm.settings import Settings

URLS = {name: f"scheme://ada:hush-{name}@host:1/x" for name in Settings.model_fields if name.endswith("_url")}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:hush@host:5432/music", "postgresql://ada:***@host:5432/music"),
        ("postgresql+psycopg://ada@host/music", "postgresql+psycopg://ada@host/music"),
        ("redis://:hush@host/0", "redis://:***@host/0"),
        ("bolt://127.0.0.1:7687", "bolt://127.0.0.1:7687"),
        ("amqp://ada:hu@sh:hush@host/", "amqp://ada:***@host/"),
        ("amqp://ada:hu/sh@host/%2F", "amqp://ada:***@host/%2F"),
        ("postgresql://host/x?user=ada&password=hush", "postgresql://host/x?user=ada&password=***"),
        ("postgresql://host/x?sslPassword=hush&a=b", "postgresql://host/x?sslPassword=***&a=b"),
        ("ada:hush@host", "ada:***@host"),
        ("hush@host", "***@host"),
        ("nonsense", "nonsense"),
    ],
)
def test_of_who_logs_in_only_the_name_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


@given(password=st.text(min_size=4).filter(lambda word: word not in "scheme://ada:***@host:1/x"))
def test_no_password_whatever_its_signs_is_shown(password: str) -> None:
    assert password not in without_password(f"scheme://ada:{password}@host:1/x")


@pytest.mark.parametrize("arguments", [["config"], ["config", "--json"]])
def test_the_command_shows_every_url_without_its_password(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, url in URLS.items():
        monkeypatch.setenv(f"TONEARM_{name.upper()}", url)
    monkeypatch.setenv("TONEARM_CONFIG", "/dev/null")
    monkeypatch.setenv("COLUMNS", "300")
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 0
    assert len(URLS) == said.stdout.count("scheme://ada:***@host:1/x") == 5
    assert "hush" not in said.stdout
    if "--json" in arguments:
        values = {line["setting"]: line["value"] for line in map(json.loads, said.stdout.splitlines())}
        assert set(values) == set(Settings.model_fields)
