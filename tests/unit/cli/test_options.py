"""Options do what their help describes, and an invalid one is refused with the valid values."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tonearm.bootstrap.library import open_library
from tonearm.cli.app import app
from tonearm.cli.library_settings import settings_of
from tonearm.cli.opened import place_of
from tonearm.cli.track_filters import _range
from tonearm.errors import NotFound
from tonearm.settings import Settings


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (None, None),
        ("120-128", (120.0, 128.0)),
        ("90.5", (90.0, 91.0)),
        ("0-90.25", (0.0, 90.25)),
    ],
)
def test_a_range_of_tempo_is_two_numbers_or_about_one(
    text: str | None, meant: tuple[float, float] | None
) -> None:
    assert _range(text) == meant


@pytest.mark.parametrize("text", ["", "fast", "120-", "-", "120-128-130", "nan", "100-inf"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a range such as 120-128"):
        _range(text)


def test_patterns_on_the_command_line_add_to_those_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONEARM_INCLUDE", "*.flac")
    monkeypatch.setenv("TONEARM_CONFIG", "/dev/null")
    settings = settings_of(tmp_path, workers=3, include=["*.mp3"], exclude=["old"])
    assert settings.include == ("*.flac", "*.mp3")
    assert settings.excluded == (*Settings().excluded, "old")
    assert settings.workers == 3
    assert settings.data_dir == tmp_path


def test_an_option_that_was_not_given_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONEARM_INCLUDE", "*.flac")
    monkeypatch.setenv("TONEARM_WORKERS", "5")
    settings = settings_of(tmp_path, workers=None, include=None)
    assert (settings.include, settings.workers) == (("*.flac",), 5)


def test_a_path_below_no_folder_of_the_library_is_refused(tmp_path: Path) -> None:
    with open_library(settings_of(tmp_path / "data")) as opened:
        assert place_of(opened, None) is None
        with pytest.raises(NotFound, match=r"not in the library; `tonearm analyze` it first"):
            place_of(opened, str(tmp_path))
        opened.roots.ensure(str(tmp_path).encode())
        (tmp_path / "song.mp3").touch()
        place = place_of(opened, str(tmp_path / "song.mp3"))
        assert place is not None
        assert place.scope == b"song.mp3"


@pytest.mark.parametrize(
    "command", ["tracks", "status", "jobs", "failures", "runs", "show x", "retry --all --yes"]
)
def test_who_only_looks_at_a_library_that_is_not_there_makes_none(command: str, tmp_path: Path) -> None:
    nowhere = tmp_path / "typing" / "error"
    said = CliRunner().invoke(app, [*command.split(), "--data", str(nowhere)])
    assert isinstance(said.exception, NotFound)
    assert str(said.exception).startswith(
        f"{nowhere}: no library is there; `tonearm analyze FOLDER` makes one"
    )
    assert list(tmp_path.iterdir()) == []
