"""An address may be in a file, which is read again at each connection; nothing of it is repeated in an error."""

import os
from pathlib import Path

import pytest

from tests.variables import unset_variables
from tonearm.errors import ConfigurationError, ServiceUnavailable
from tonearm.settings import load, load_settings, unknown_variables, url_source
from tonearm.settings.model import ADDRESSES

DATABASE = "postgresql://me:hush@db/music"


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    unset_variables(monkeypatch)
    monkeypatch.setenv("TONEARM_CONFIG", os.devnull)


@pytest.mark.parametrize("name", ADDRESSES)
def test_each_address_may_be_in_a_file(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("scheme://user:one@host/\n")
    monkeypatch.setenv(f"TONEARM_{name.upper()}_FILE", str(file))
    loaded = load()
    assert getattr(loaded.settings, name) == "scheme://user:one@host/"
    assert loaded.origins[name] == "environment"
    assert unknown_variables() == []
    source = url_source(loaded.settings, name)
    file.write_text("scheme://user:two@host/")
    assert source() == "scheme://user:two@host/"


def test_an_address_that_is_given_itself_stays_as_it_is() -> None:
    assert url_source(load_settings({"database_url": DATABASE}), "database_url")() == DATABASE


def test_an_address_that_is_given_twice_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    toml = tmp_path / "settings.toml"
    toml.write_text(f'database_url = "{DATABASE}"')
    monkeypatch.setenv("TONEARM_CONFIG", str(toml))
    monkeypatch.setenv("TONEARM_DATABASE_URL_FILE", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert str(caught.value) == (
        f"database_url (in {toml}) and database_url_file (from TONEARM_DATABASE_URL_FILE) are both set: "
        "keep one of them"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "is empty; it must hold the address"),
        (b" \n", "is empty; it must hold the address"),
        (b"postgresql://me:hush@db/music\nand more", "must hold one line, the address, and nothing else"),
        (b"\xff\xfehush", "must hold one line, the address, and nothing else"),
        (b"hush" * 2000, "must hold one line, the address, and nothing else"),
    ],
    ids=["missing", "empty", "blank", "two lines", "no text", "too long"],
)
def test_a_file_without_an_address_is_told_and_not_repeated(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"redis_url_file": str(file)})
    assert str(caught.value) == f"redis_url_file: {file} {said}"


def test_a_file_that_is_gone_later_makes_the_server_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("redis://host:6379/0")
    source = url_source(load_settings({"redis_url_file": str(file)}), "redis_url")
    file.unlink()
    with pytest.raises(ServiceUnavailable, match=r"redis_url_file: .* can't be read: No such file"):
        source()
