"""Where the time went is shown by stage, file, codec and worker, over a span that a person names."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tests.unit.library_fixture import Library, result
from tonearm.cli.app import app
from tonearm.cli.since import SINCE


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Result]:
    """Calls the command on the library."""

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["slow", *arguments, "--data", str(tmp_path / "data")])

    return call


@pytest.fixture
def worked(library: Library) -> Library:
    """A library with two analysed files."""
    library.finish(library.run(), b"1", result("1", work_s=3.0, timings={"decode": 2.0, "tempo": 1.0}))
    library.finish(library.run(), b"2", result("2", work_s=1.0, timings={"decode": 0.5, "tempo": 0.5}))
    library.change("UPDATE attempts SET store_s = 0, queue_wait_s = 61")
    return library


@pytest.mark.usefixtures("worked")
def test_stages_are_listed_with_their_shares(call: Callable[..., Result]) -> None:
    lines = [line.split("\t") for line in call().stdout.splitlines()]
    assert [line[:4] for line in lines] == [
        ["stage", "share", "time", "× real time"],
        ["queue wait", "", "2:02", ""],
        ["decode", "62.5 %", "2.50 s", "8"],
        ["tempo", "37.5 %", "1.50 s", "13"],
        ["other", "0.0 %", "0.0 ms", ""],
        ["store", "0.0 %", "0.0 ms", ""],
    ]


@pytest.mark.usefixtures("worked")
@pytest.mark.parametrize("by", ["stage", "codec", "worker"])
def test_json_begins_with_all_and_goes_on_with_the_rows(call: Callable[..., Result], by: str) -> None:
    first, *rows = map(json.loads, call("--by", by, "--json").stdout.splitlines())
    assert (first["by"], first["attempts"], first["total_s"], first["audio_s"]) == ("all", 2, 4.0, 20.0)
    assert {row["by"] for row in rows} == {by}
    assert sum(row["share"] or 0 for row in rows) == pytest.approx(1.0)


@pytest.mark.usefixtures("worked")
def test_the_slowest_files_are_named(call: Callable[..., Result]) -> None:
    [line] = call("--by", "file", "--limit", "1", "--json").stdout.splitlines()
    slowest = json.loads(line)
    assert (slowest["path"], slowest["run_s"], slowest["stages"]) == (
        "/music/1",
        3.0,
        {"decode": 2.0, "tempo": 1.0},
    )
    assert call("--by", "file", "--run", "2").stdout.splitlines()[1].endswith("\t/music/2")


def test_a_library_without_attempts_says_so(library: Library, call: Callable[..., Result]) -> None:
    assert call().stdout == "No attempt has ended.\n"
    assert call("--since", "1h").stdout == "No attempt has ended in this span.\n"
    library.run()
    assert call("--run", "1").stdout == "No attempt has ended in this span.\n"


@pytest.mark.parametrize(
    ("text", "ago_s"), [("90m", 5400), ("12h", 43_200), ("1.5d", 129_600), ("30s", 30), ("2w", 1_209_600)]
)
def test_an_age_is_a_time_in_the_past(text: str, ago_s: float) -> None:
    assert time.time() - SINCE.convert(text, None, None) == pytest.approx(ago_s, abs=20)


def test_a_date_is_one_of_the_local_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        assert SINCE.convert("2026-11-05 12:00", None, None) == 1793872800.0
        assert SINCE.convert("2026-11-05T10:00+00:00", None, None) == 1793872800.0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["yesterday", "5", "h", "-3h"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="neither an age like 90m"):
        SINCE.convert(text, None, None)
