"""Each frequency is in its band of the waveform, each sound in its column, and both forms of the kernels agree."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests import material
from tonearm.analysis import kernels_numpy, shared_forms
from tonearm.analysis.analyser import Findings, Float32
from tonearm.analysis.built_in import WAVEFORM
from tonearm.analysis.engine import load, measure
from tonearm.analysis.waveform import FLOOR_DB, MOST_COLUMNS

BANDS = ("waveform_low", "waveform_mid", "waveform_high")


def found(samples: Float32, rate: int) -> Findings:
    analyser = load(WAVEFORM.for_child(SimpleNamespace()))
    return measure([samples], rate, samples.shape[1], [analyser], lambda _: None).findings["waveform"][1]


def sine(hz: float, rate: int, seconds: float = 2.0) -> Float32:
    at = np.arange(round(seconds * rate)) / rate
    return np.sin(2 * np.pi * hz * at).astype(np.float32)[:, None]


def levels(series: Any) -> list[int]:
    """The level of each band in the middle of a sound."""
    return [series[band][len(series[band]) // 2] for band in BANDS]


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize(("hz", "band"), [(55, 0), (200, 0), (700, 1), (1_300, 1), (5_200, 2), (9_000, 2)])
def test_a_frequency_is_in_its_band_alone(rate: int, hz: float, band: int) -> None:
    shown = levels(found(sine(hz, rate), rate).series)
    assert shown.pop(band) >= -3
    assert max(shown) < -30


def test_a_file_without_high_frequencies_has_none_in_its_waveform() -> None:
    assert levels(found(sine(100, 1_000), 1_000).series) == [0, FLOOR_DB, FLOOR_DB]


def test_a_click_is_in_the_column_of_its_time() -> None:
    samples = np.zeros((44_100 * 60, 2), np.float32)
    samples[44_100 * 17 : 44_100 * 17 + 400] = 0.9
    waveform = found(samples, 44_100)
    step: Any = waveform.values["waveform_step_s"]
    for band in BANDS:
        series: Any = waveform.series[band]
        loudest = int(np.argmax(series))
        assert loudest * step <= 17.01 <= (loudest + 1) * step + 0.01
        assert len(series) * step == pytest.approx(60, abs=step)


@pytest.mark.parametrize("seconds", [0.01, 1.0, 20.0, 100.0])
def test_there_are_never_more_columns_than_a_page_shows(seconds: float) -> None:
    series: Any = found(sine(440, 8_000, seconds), 8_000).series
    assert {len(series[band]) for band in BANDS} == {len(series["waveform_low"])}
    assert 0 < len(series["waveform_low"]) <= MOST_COLUMNS


def test_silence_is_at_the_floor() -> None:
    series = found(np.zeros((44_100, 2), np.float32), 44_100).series
    assert all(set(series[band]) == {FLOOR_DB} for band in BANDS)  # type: ignore[arg-type]  # they are lists


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_both_forms_of_the_kernels_give_the_same_bits(monkeypatch: pytest.MonkeyPatch, rate: int) -> None:
    samples = material.music(12.0)
    as_built = found(samples, rate)
    for name in ("mix", "halve"):
        monkeypatch.setattr(shared_forms, name, getattr(kernels_numpy, name))
    assert found(samples, rate) == as_built
