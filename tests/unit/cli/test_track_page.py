"""Every result is shown with its unit, and an uncertain tempo is marked as such."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.unit.library_fixture import Library, result
from tonearm.analysis import catalog
from tonearm.analysis.value_text import tempo_doubt
from tonearm.cli.app import app


def track(confidence: float | None, *others: tuple[float, str, float]) -> dict[str, Any]:
    """A track of 120 BPM and what its tempo may be instead: tempo, relation, probability."""
    return {
        "bpm": 120.0,
        "bpm_confidence": confidence,
        "bpm_alternatives": [
            {"bpm": bpm, "relation": relation, "score": score} for bpm, relation, score in others
        ],
    }


def test_a_tempo_of_high_confidence_is_not_in_doubt() -> None:
    assert tempo_doubt(track(0.9, (60.0, "half", 0.05))) is None


def test_a_tempo_of_low_confidence_is_in_doubt_with_what_it_may_be() -> None:
    doubt = tempo_doubt(track(0.4, (60.0, "half", 0.2), (240.0, "double", 0.12), (80.0, "2/3", 0.01)))
    assert doubt == (
        "The tempo of 120.0 BPM is in doubt: it may be 60.0 BPM (half, probability 20%) or "
        "240.0 BPM (double, probability 12%)."
    )


def test_a_tempo_with_a_strong_alternative_is_in_doubt_however_regular_its_beats() -> None:
    doubt = tempo_doubt(track(0.7, (60.0, "half", 0.3)))
    assert doubt is not None
    assert "it may be 60.0 BPM (half, probability 30%)" in doubt


def test_irregular_beats_are_named_as_the_cause() -> None:
    assert tempo_doubt(track(0.3)) == "The tempo of 120.0 BPM is in doubt: the beats are irregular."


def test_music_without_a_beat_has_no_tempo_to_doubt() -> None:
    assert tempo_doubt(track(None) | {"bpm": None}) is None


@pytest.fixture
def page(library: Library, tmp_path: Path) -> list[str]:
    """The lines that are shown of a track with some results."""
    versions = catalog.versions()
    tempo = {"bpm": 120.25, "bpm_confidence": 0.3, "bpm_alternatives": []}
    series = {"beats": [0.5, 1.0], "tempo_windows": []}
    findings = {
        "tempo": (versions["tempo"], tempo, series),
        "loudness": (
            versions["loudness"],
            {"true_peak_dbtp": -0.26},
            {"loudness_curve": [-9.0, -12.0], "loudness_blocks": {"lowest_lufs": -9.0, "counts": [1, 5]}},
        ),
    }
    library.finish(library.run(), b"a.flac", result(findings=findings))
    shown = CliRunner().invoke(app, ["show", "/music/a.flac", "--data", str(tmp_path / "data")])
    assert shown.exit_code == 0, shown.output
    return shown.stdout.splitlines()


def test_every_column_of_every_analyser_is_shown_with_its_name_and_meaning(page: list[str]) -> None:
    for _, column in catalog.columns().values():
        [line] = [line for line in page if line.startswith(f"{column.label}  ")]
        assert line.endswith(column.description) or column.name == "bpm_alternatives"


def test_values_have_their_units(page: list[str]) -> None:
    words = [line.split() for line in page]
    assert ["tempo", "120.25", "BPM"] in [line[:3] for line in words]
    assert ["true", "peak", "-0.3", "dBTP"] in [line[:4] for line in words]
    assert ["loudness", "curve", "█▁", "-12.0", "to", "-9.0", "LUFS"] in [line[:7] for line in words]
    assert ["loudness", "blocks", "▁█", "1.0", "to", "5.0", "blocks"] in [line[:7] for line in words]
    assert ["beats", "2"] in [line[:2] for line in words]
    assert "The tempo of 120.2 BPM is in doubt: the beats are irregular." in page
