"""The guides about sizes: their settings are valid and were tried, and their figures follow from what is recorded."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.performance import sizing_tables
from tests.performance.cell import Cell
from tests.performance.collection import ORDER, parts
from tests.performance.guide import GUIDES, blocks, variables_of
from tests.performance.results import PROJECT, record, recorded
from tests.performance.sizing_tables import SHARES, Speeds, shown_mb, shown_time
from tests.performance.throughput import MIXED, MIXED_SIZE, command
from tonearm.settings import Settings
from tonearm.settings.loading import load_settings

TEXTS = {name: (PROJECT / "docs" / "how-to" / name).read_text(encoding="utf-8") for name in GUIDES}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.__dataclass_fields__:
        monkeypatch.delenv(f"TONEARM_{name.upper()}", raising=False)


@pytest.mark.parametrize("name", [name for name, (kind, _) in blocks().items() if kind == "toml"])
def test_a_settings_file_of_the_guides_is_accepted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tonearm.toml"
    file.write_text(blocks()[name][1], encoding="utf-8")
    monkeypatch.setenv("TONEARM_CONFIG", str(file))
    load_settings()


@pytest.mark.parametrize("name", [name for name, (kind, _) in blocks().items() if kind == "sh"])
def test_variables_of_the_guides_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in variables_of(name).items():
        assert variable.removeprefix("TONEARM_").lower() in Settings.__dataclass_fields__
        monkeypatch.setenv(variable, value)
    load_settings()


def test_every_block_of_settings_is_marked_and_was_tried() -> None:
    marked = sum(text.count("```toml") for text in TEXTS.values())
    assert marked == sum(kind == "toml" for kind, _ in blocks().values())
    tried = {name.strip("`") for each in recorded("tried") for name in each.figures}
    assert tried == set(blocks()) - {"hosts"}, "`hosts` was tried without measuring"


def test_what_the_guide_promises_for_short_files_was_compared_with_a_run() -> None:
    rows = {name: row for each in recorded("first_run") for name, row in each.figures.items()}
    assert set(rows) == {"embedded", "all servers"}
    assert all(abs(sizing_tables.compared(name, row)[1] - 1) <= 0.25 for name, row in rows.items())


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Recorded results of 1,000 files an hour in every format; a second worker adds 80 %, over servers 60 %."""
    mixed = Cell(MIXED_SIZE, MIXED)
    speeds = {
        **{Cell(size, name): 1_000 for size in ("30 s", MIXED_SIZE) for name in SHARES},
        mixed: 1_000,
        replace(mixed, workers=2): 1_800,
        replace(mixed, workers=2, servers=True): 1_600,
    }
    for cell, speed in speeds.items():
        row = {**asdict(cell), "files/h": speed, "MB": 80, "MB a child": 90}
        record("throughput", command(cell), {str(cell): row}, tmp_path)
    sizes = {f"MB a file, {name}": 10.0 for name in SHARES}
    stored = {f"KB of the database a file, {name}": 9.0 for name in ("SQLite", "PostgreSQL")}
    record("sizing", "sizing", sizes | stored, tmp_path)
    return tmp_path


def test_each_core_is_taken_to_add_what_the_second_one_did(results: Path) -> None:
    speeds = Speeds(results)
    assert speeds.expected(MIXED_SIZE, 1, 8) == pytest.approx(7_200)
    assert speeds.expected(MIXED_SIZE, 4, 8) == pytest.approx(25_600)


def test_short_files_are_promised_what_was_measured_of_them(results: Path) -> None:
    row = {"files/h": 30_000, "MB": 80, "MB a child": 70}
    record("sizing", "pace", {"pace, 2 worker(s), all servers": row}, results)
    assert sizing_tables.promised(True, results) == {"files/h": 30_000, "MB": 220}


def test_the_table_of_machines_has_time_memory_disk_and_reading(results: Path) -> None:
    told = sizing_tables.machines("", results)
    assert "| 100,000 | small: 2 cores | 2.3 days | 260 MB | 1 TB | 900 MB | 5 MB/s |" in told


def test_the_table_of_reading_has_the_limit_of_a_network(results: Path) -> None:
    assert "| MP3 | 10 | 1,000 | 2.8 | 36,000 |" in sizing_tables.reading("", results)


@pytest.mark.parametrize(
    ("hours", "shown"),
    [(0.001, "a minute"), (0.5, "30 minutes"), (1.91, "110 minutes"), (2.04, "2 hours"), (49, "2 days")],
)
def test_times_are_told_in_a_unit_that_fits(hours: float, shown: str) -> None:
    assert shown_time(hours) == shown


@pytest.mark.parametrize(("megabytes", "shown"), [(264, "260 MB"), (8_500, "8.5 GB"), (1.2e7, "12 TB")])
def test_sizes_are_told_in_a_unit_that_fits(megabytes: float, shown: str) -> None:
    assert shown_mb(megabytes) == shown


def test_files_of_the_collection_begin_at_different_places() -> None:
    found = list(parts(200, 30.0))
    assert len({(encoding, among % 16, start) for _, encoding, among, start in found}) == 200
    assert [sum(encoding == each for _, encoding, _, _ in found) for each in ORDER[::7]] == [140, 140, 40]
