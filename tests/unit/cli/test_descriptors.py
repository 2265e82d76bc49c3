"""The distribution of results on the command line."""

import json
import os

from click.testing import CliRunner, Result

from tests.unit.library_fixture import Library, result
from tonearm.analysis.catalog import versions
from tonearm.cli.app import app


def called(library: Library, *arguments: str) -> Result:
    """The result of the command."""
    data = os.path.dirname(library.database.address)
    return CliRunner().invoke(app, ["descriptors", "--data", data, *arguments])


def with_tempi(library: Library, *tempi: float | None) -> None:
    """Add a track of each tempo."""
    run = library.run()
    for number, bpm in enumerate(tempi):
        findings: dict[str, object] = {"tempo": (versions()["tempo"], {"bpm": bpm}, {})}
        library.finish(run, f"{number}.flac".encode(), result(f"{number:08}", findings=findings))


def test_each_number_is_listed_with_its_percentiles_and_its_histogram(library: Library) -> None:
    with_tempi(library, 100.0, 120.0, 121.0, 180.0, None)
    [line] = called(library, "bpm", "--json").stdout.splitlines()
    found = json.loads(line)
    assert (found["column"], found["unit"], found["tracks"]) == ("bpm", "BPM", 4)
    assert (found["percentiles"]["0"], found["percentiles"]["100"]) == (100, 180)
    assert sum(found["histogram"]["counts"]) == 4
    head, row = called(library, "bpm").stdout.splitlines()
    assert row.split("\t")[:4] == ["bpm", "BPM", "4", "100.00"]
    assert len(head.split("\t")) == len(row.split("\t"))


def test_without_columns_all_numbers_are_listed_and_no_texts(library: Library) -> None:
    names = [json.loads(line)["column"] for line in called(library, "--json").stdout.splitlines()]
    assert {"bpm", "loudness_lufs", "energy", "energy_level", "danceability"} <= set(names)
    assert not {"key", "band_balance", "loose_pulse"} & set(names)


def test_an_unknown_column_is_refused(library: Library) -> None:
    refused = called(library, "energi")
    assert refused.exit_code == 2
    assert "did you mean energy?" in refused.stderr
