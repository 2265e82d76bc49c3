"""A list is printed while it is read, however long it is."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.library_fixture import Library, result
from tonearm.cli.app import app
from tonearm.cli.track_columns import columns_for


@pytest.fixture
def listing(library: Library, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is printed of a library of 401 tracks, on a wide terminal without colours."""
    library.meet(library.run(), *(f"{number:04}.mp3".encode() for number in range(401)))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("tonearm.cli.tables.is_terminal", lambda: True)
    monkeypatch.setattr("tonearm.cli.tracks.is_terminal", lambda: True)
    data = os.path.dirname(library.database.address)
    said = CliRunner().invoke(app, ["tracks", "--data", data])
    assert said.exit_code == 0
    return said.stdout.splitlines()


def test_a_long_list_comes_in_pieces_each_with_its_head(listing: list[str]) -> None:
    heads = [number for number, line in enumerate(listing) if "artist" in line]
    assert len(heads) == 3
    assert heads[0] < 5
    assert [line.split()[-1] for line in listing if ".mp3" in line] == [
        f"/music/{n:04}.mp3" for n in range(401)
    ]
    assert listing[-1] == "401 tracks"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--neighbours", "--neighbours needs --key"),
        ("--key=H", "'H' is no key such as \"A minor\""),
        ("--bpm=fast", "'fast' is not a range such as 120-128"),
        ("--bpm=128-120", "128-120 begins with the higher tempo; did you mean 120-128?"),
        ("--sort=-bmp", "no column 'bmp'; did you mean bpm?"),
        ("--state=Done", "no state 'Done'; did you mean done?"),
        ("--full", "--full is for --json"),
    ],
)
@pytest.mark.usefixtures("library")
def test_what_an_option_can_not_mean_is_refused(option: str, said: str, tmp_path: Path) -> None:
    arguments = ["tracks", option, "--data", str(tmp_path / "data")]
    refused = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert refused.exit_code == 2
    assert said in refused.stderr


@pytest.fixture
def heads(library: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """The headings of a list of one track, by the options that it is called with."""
    tags = {"title": "So What", "artist": "Miles Davis", "genre": "Jazz", "year": 1959}
    library.finish(library.run(), b"so what.flac", result(tags=tags))

    def call(*options: str, width: int | None = None) -> list[str]:
        if width is not None:
            monkeypatch.setattr("tonearm.cli.tables.is_terminal", lambda: True)
            monkeypatch.setenv("COLUMNS", str(width))
        listed = CliRunner().invoke(app, ["tracks", *options, "--data", str(tmp_path / "data")])
        assert listed.exit_code == 0, listed.output
        head, line, *_ = listed.stdout.splitlines()
        assert line.endswith("what.flac")
        return head.split() if width is not None else head.split("\t")

    return call


def test_the_column_that_is_sorted_or_filtered_by_is_shown(heads: Callable[..., list[str]]) -> None:
    standard = ["title", "artist", "time", "BPM", "key", "Camelot", "LUFS", "state", "set by hand", "file"]
    assert heads() == heads("--bpm=110-130", "--artist=miles") == standard
    assert heads("--sort=-tempo_stability") == [*standard[:-1], "tempo stability", "file"]
    assert heads("--sort=tuning_cents")[-2] == "tuning (cents)"
    assert heads("--genre=jazz", "--sort=year")[-3:] == ["genre", "year", "file"]


def test_every_column_that_can_be_sorted_by_can_be_shown(library: Library) -> None:
    for name in library.tracks.columns:
        assert name in {column.name for column in columns_for([name])}


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_is_shown_on_a_narrow_terminal_too(heads: Callable[..., list[str]], width: int) -> None:
    assert heads("--genre=jazz", "--sort=year", width=width)[-3:] == ["genre", "year", "file"]


@pytest.fixture
def counted(library: Library, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The last lines of commands in a library of 7 waiting files, where counting ends at 5."""
    library.meet(library.run(), *(f"{number}.mp3".encode() for number in range(7)))
    monkeypatch.setenv("NO_COLOR", "1")
    for module in ("views.reading", "views.tracks", "views.jobs"):
        monkeypatch.setattr(f"tonearm.{module}.COUNTED", 5)
    for module in ("tables", "tracks", "jobs"):
        monkeypatch.setattr(f"tonearm.cli.{module}.is_terminal", lambda: True)

    def run(*arguments: str) -> list[str]:
        data = os.path.dirname(library.database.address)
        said = CliRunner().invoke(app, [*arguments, "--data", data])
        assert said.exit_code == 0, said.output
        return said.stdout.splitlines()

    return run


@pytest.mark.parametrize("noun", ["track", "job"])
def test_a_list_that_is_cut_shows_how_many_there_are(counted: Callable[..., list[str]], noun: str) -> None:
    assert counted(f"{noun}s", "-n", "3")[-1] == f"showing 3 of 5+ {noun}s"
    assert counted(f"{noun}s", "-n", "3", "/music/1.mp3")[-1].endswith(
        "1.mp3" if noun == "job" else "1 track"
    )


@pytest.mark.parametrize("noun", ["track", "job"])
def test_rows_are_counted_without_a_list(counted: Callable[..., list[str]], noun: str) -> None:
    assert counted(f"{noun}s", "--count") == [f"5+ {noun}s"]
    assert counted(f"{noun}s", "--count", "--json") == ['{"total": 5, "more": true}']
    assert counted(f"{noun}s", "--count", "--json", "/music/1.mp3") == ['{"total": 1, "more": false}']
