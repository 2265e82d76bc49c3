"""Figures in documents are those that are recorded, and what is recorded has the form that is documented."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from tests.performance import results, throughput_tables
from tests.performance.blocks import BLOCK, documents, generated
from tests.performance.cell import Cell, quantile
from tests.performance.results import PROJECT, Measurement, names, record, recorded
from tests.performance.scripts import scripts
from tests.performance.tables import listed, number
from tests.performance.throughput import MIXED, command

ROW = {"files": 3, "took s": 0.25}


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_figures_in_a_document_are_those_that_are_recorded(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert text == generated(text), "`make bench-report` writes the figures anew"


@pytest.mark.parametrize("name", names())
def test_recorded_results_are_complete(name: str) -> None:
    assert recorded(name)


def test_the_list_of_measurements_has_every_script() -> None:
    files = Path(results.__file__).parent.glob("*.py")
    called = {file.stem for file in files if '__name__ == "__main__"' in file.read_text(encoding="utf-8")}
    assert set(scripts()) == called - {"__main__", "idle_child"}


def test_a_new_measurement_takes_the_place_of_the_one_with_its_command(tmp_path: Path) -> None:
    for typed, value in (("a", 1), ("b", 2), ("a", 3)):
        record("some", typed, {"files": value}, tmp_path)
    assert [(each.command, each.figures) for each in recorded("some", tmp_path)] == [
        ("a", {"files": 3}),
        ("b", {"files": 2}),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"figures": {}}, "no figures"),
        ({"figures": {"files": {"value": 3, "formula": "1 + 2"}}}, "a formula and an error"),
        ({"host": "here"}, "an object with the keys"),
    ],
)
def test_a_result_that_lacks_something_is_refused(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    measured = {"command": "a", "machine": "m", "commit": "c", "date": "d", "figures": {"files": 1}} | change
    (tmp_path / "some.json").write_text(json.dumps([measured]))
    with pytest.raises(ValueError, match=said):
        recorded("some", tmp_path)


def test_rows_share_a_table_and_numbers_have_three_digits() -> None:
    figures = {"first": ROW, "second": ROW | {"files": 12_345}, "alone": 0.123456}
    told = listed([Measurement("run it", "a machine", "abc", "2026-11-28 10:00", figures)])
    assert told.splitlines() == [
        "| what | files | took s |",
        "|---|---:|---:|",
        "| first | 3 | 0.25 |",
        "| second | 12,345 | 0.25 |",
        "",
        "| what | figure |",
        "|---|---:|",
        "| alone | 0.123 |",
        "",
        "Measured with `run it` on 2026-11-28: commit abc, a machine.",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.000123, "0.000123"), (12.0, "12"), (12_345.6, "12,346"), ("1|2", "1\\|2"), (7, "7")],
)
def test_numbers_are_shown_as_they_are_read(value: object, shown: str) -> None:
    assert number(value) == shown


def test_what_stands_between_the_marks_is_written_anew(tmp_path: Path) -> None:
    record("some", "a", {"rescan s": 2.0, "scan s": 4.0}, tmp_path)
    text = "Before\n<!-- figures: some rescan -->\nold\n<!-- /figures -->\nafter"
    written = generated(text, tmp_path)
    assert BLOCK.search(written)
    assert "| rescan s | 2 |" in written
    assert "old" not in written
    assert "scan s | 4" not in written
    assert generated(written, tmp_path) == written


def test_figures_of_what_is_not_recorded_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no results of nothing"):
        generated("<!-- figures: nothing -->\n<!-- /figures -->", tmp_path)


def measured_cells(folder: Path, speeds: dict[Cell, float]) -> None:
    """Record cells with a speed (× real time) each; a file lasts four minutes."""
    for cell, speed in speeds.items():
        row: dict[str, Any] = {"files": 10, "files/h": round(speed * 15), "× real time": speed}
        row |= dict.fromkeys(("p50 s", "p95 s", "p99 s", "MB", "MB a child"), 1.0)
        row |= {"stages": {"decode": 0.5, "store": 0.01}}
        record("throughput", command(cell), {str(cell): {**asdict(cell), **row}}, folder)


def test_throughput_tells_the_efficiency_of_workers(tmp_path: Path) -> None:
    measured_cells(tmp_path, {Cell("4 min", "WAV"): 400.0, Cell("4 min", "WAV", workers=2): 720.0})
    one, two = throughput_tables.measured("", tmp_path).splitlines()[2:4]
    assert one.startswith("| 4 min | WAV | 1 | embedded | warm | 10 | 6,000 | 400 |")
    assert "| 0.90 |" in two


def test_cells_that_were_not_measured_are_computed_and_the_error_is_told(tmp_path: Path) -> None:
    check = Cell("4 min", "WAV", workers=2)
    mixed = Cell("4 min", MIXED)
    speeds = {Cell("4 min", "WAV"): 400.0, Cell("4 min", "MP3"): 200.0, mixed: 300.0}
    measured_cells(tmp_path, speeds | {replace(mixed, workers=2): 450.0, check: 500.0})
    told = throughput_tables.computed("", tmp_path)
    assert "| 4 min | MP3 | 4,500 |" in told  # 200 × 450 / 300 × 15
    assert "| 4 min | WAV | **7,500** |" in told
    assert f"{check} +20%" in told


def test_a_cold_cache_is_taken_as_the_same_share_of_the_speed_with_other_workers(tmp_path: Path) -> None:
    mixed = Cell("4 min", MIXED)
    cold = {replace(mixed, workers=2): 500.0, replace(mixed, workers=2, cold=True): 250.0}
    measured_cells(tmp_path, {Cell("4 min", "WAV"): 400.0, mixed: 300.0, **cold})
    told = throughput_tables.computed("", tmp_path)
    heads, _, row = (line.split(" | ") for line in told.splitlines()[:3])
    assert row[heads.index("embedded, cold, 1")] == "3,000"  # 400 × 15 × 250 / 500


def test_shares_of_stages_are_in_percent_with_the_largest_first(tmp_path: Path) -> None:
    measured_cells(tmp_path, {Cell("4 min", "WAV"): 400.0})
    assert throughput_tables.stages("4 min", tmp_path).splitlines()[::2][:2] == [
        "| size | format | decode | store |",
        "| 4 min | WAV | 50.0% | 1.0% |",
    ]


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.95, 4.0), (0.99, 4.0)])
def test_a_quantile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], share) == value
