"""The printed settings contain no password."""

import dataclasses
import json

import pytest
from click.testing import CliRunner

from tonearm.cli.app import app
from tonearm.errors import ConfigurationError
from tonearm.settings import Settings

NAMES = [field.name for field in dataclasses.fields(Settings)]
URLS = {
    name: f"scheme://ada:hush-{name}@host:1/x"
    for name in NAMES
    if name.endswith("_url") and name != "public_url"
}


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
        assert set(values) == set(NAMES)


def test_a_variable_that_is_no_setting_is_reported_once_and_refused_by_a_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TONEARM_WROKERS", "3")
    said = CliRunner().invoke(app, ["config", "--json"])
    assert said.exit_code == 0
    assert (
        said.stderr == "tonearm: the variable TONEARM_WROKERS is no setting; do you mean TONEARM_WORKERS?\n"
    )
    refused = CliRunner().invoke(app, ["config", "--check"])
    assert isinstance(refused.exception, ConfigurationError)
    assert "TONEARM_WROKERS" in str(refused.exception)


def test_a_check_refuses_an_address_that_cannot_be_used_and_is_silent_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed = CliRunner().invoke(app, ["config", "--check"])
    assert (passed.exit_code, passed.output) == (0, "")
    monkeypatch.setenv("TONEARM_REDIS_URL", "http://host")
    refused = CliRunner().invoke(app, ["config", "--check"])
    assert isinstance(refused.exception, ConfigurationError)
    assert str(refused.exception).startswith("redis_url: not an address")


def test_a_check_refuses_settings_that_contradict_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONEARM_RABBITMQ_URL", "amqp://ada:hush@host/")
    monkeypatch.delenv("TONEARM_DATABASE_URL", raising=False)
    refused = CliRunner().invoke(app, ["config", "--check"])
    assert isinstance(refused.exception, ConfigurationError)
    assert str(refused.exception).startswith("rabbitmq_url without database_url")
    monkeypatch.setenv("TONEARM_DATABASE_URL", "postgresql://ada:hush@host/music")
    assert CliRunner().invoke(app, ["config", "--check"]).exit_code == 0
