"""A person relies on: settings can be shown to anybody; no password is among them."""

import json

import pytest
from click.testing import CliRunner

from tonearm.cli.app import app
from tonearm.settings import Settings

URLS = {name: f"scheme://ada:hush-{name}@host:1/x" for name in Settings.model_fields if name.endswith("_url")}


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
