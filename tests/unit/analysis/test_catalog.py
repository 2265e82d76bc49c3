"""Each analyser is declared once, returns what it declares, and is not loaded when analysers are listed."""

import json
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests import material
from tonearm.analysis import catalog, plugins
from tonearm.analysis.analyser import Block, Findings, Signal
from tonearm.analysis.built_in import BUILT_IN, KEY, LOUDNESS, TEMPO
from tonearm.analysis.declaration import AnalyserSpec, Column, Series
from tonearm.analysis.engine import Loaded, Measured, load, measure
from tonearm.errors import ConfigurationError

SETTINGS = SimpleNamespace(window_s=5.0)


def run(*specs: AnalyserSpec) -> Measured:
    samples = material.music(8.0)
    loaded = [load(spec.for_child(SETTINGS)) for spec in specs]
    return measure([samples], material.RATE_HZ, 2, loaded, lambda _: None)


def test_the_declarations_load_neither_signal_processing_nor_decoders() -> None:
    code = (
        "import json, sys; from tonearm.analysis.catalog import analysers; analysers(); "
        "print(json.dumps(sorted(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "scipy", "av", "mutagen", "importlib.metadata", "pydantic", "sqlalchemy"} & set(
        json.loads(output)
    )


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.name)
def test_an_analyser_returns_what_it_declares(spec: AnalyserSpec) -> None:
    version, found = run(spec).findings[spec.name]
    assert version == spec.version
    assert set(found.values) == {column.name for column in spec.columns}
    assert set(found.series) == {series.name for series in spec.series}
    for column in spec.columns:
        value = found.values[column.name]
        assert value is None or isinstance(value, (float, int) if column.type is float else column.type)


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.name)
def test_an_analyser_needs_no_more_of_the_audio_than_it_declares(spec: AnalyserSpec) -> None:
    assert run(spec).findings[spec.name] == run(*BUILT_IN).findings[spec.name]


def test_every_column_has_words_for_people_and_numbers_have_digits() -> None:
    for spec in BUILT_IN:
        for column in spec.columns:
            assert column.label
            assert column.description
            assert (column.digits is not None) == (column.type is float) or column.type is object
            assert not (column.searchable and column.type is object)


def test_settings_reach_the_analysers_that_ask_for_them() -> None:
    windows = run(TEMPO).findings["tempo"][1].series["tempo_windows"]
    assert isinstance(windows, list)
    assert [window["end_s"] for window in windows] == [5.0, pytest.approx(8.0, abs=0.1)]
    unknown = AnalyserSpec("x", 1, "x:X", (), (), options=("no_such_setting",))
    with pytest.raises(ValueError, match="no_such_setting"):
        unknown.for_child(SETTINGS)


class Talkative:
    """An analyser that returns more than it declares."""

    def __init__(self, signal: Signal) -> None:
        self.signal = signal

    def feed(self, block: Block) -> None:
        assert np.isfinite(block.samples).all()

    def finish(self) -> Findings:
        return Findings({"declared": 1.0, "surprise": 2.0})


def test_an_analyser_that_returns_what_it_does_not_declare_is_an_error() -> None:
    talkative = Loaded("talkative", 1, frozenset(), frozenset({"declared"}), Talkative)
    with pytest.raises(ValueError, match="talkative does not declare surprise"):
        measure([np.zeros((100, 1), np.float32)], 8000, 1, [talkative], lambda _: None)


def measuring(column: str) -> AnalyserSpec:
    """The declaration of an analyser that returns one column."""
    return AnalyserSpec("mine", 1, "other:X", (), (Column(column, float, "x", "x"),))


OF_TRACKS = ("year", "state", "path", "path_b64", "duration_s", "audio_hash", "audio_id", "tags")
VIDEO: Any = ("video",)
BAD: dict[str, Callable[[], object]] = {
    "a list that can be searched": lambda: Column("x", object, "x", "x"),
    "a type that can't be stored": lambda: Column("x", bytes, "x", "x"),
    "a name that is no identifier": lambda: Column("x y", float, "x", "x"),
    "no class": lambda: AnalyserSpec("x", 1, "x", (), ()),
    "an unknown input": lambda: AnalyserSpec("x", 1, "x:X", VIDEO, ()),
    "a name twice": lambda: AnalyserSpec(
        "x", 1, "x:X", (), (Column("y", float, "y", "y"),), (Series("y", "y", "y"),)
    ),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_declaration_that_can_not_be_used_is_refused(mistake: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        BAD[mistake]()


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (AnalyserSpec("key", 1, "other:X", (), ()), "another analyser of this name"),
        (AnalyserSpec("mine", 1, "other:X", (), KEY.columns[:1]), "columns key"),
        (AnalyserSpec("mine", 1, "other:X", (), (), LOUDNESS.series[:1]), "columns loudness_curve"),
        *(
            (measuring(name), f"package other can't be used: every track already has {name}. ")
            for name in OF_TRACKS
        ),
        (
            AnalyserSpec("mine", 1, "other:X", (), (), (Series("history", "x", "x"),)),
            "every track already has history",
        ),
    ],
)
def test_a_plug_in_can_not_take_a_name_that_is_taken(
    monkeypatch: pytest.MonkeyPatch, spec: AnalyserSpec, reason: str
) -> None:
    monkeypatch.setattr(catalog, "plugin_specs", lambda: [spec])
    catalog.analysers.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=reason):
            catalog.analysers()
    finally:
        monkeypatch.undo()
        catalog.analysers.cache_clear()


def test_without_a_plug_in_there_are_the_built_in_analysers() -> None:
    assert plugins.plugin_specs() == []
    assert tuple(catalog.analysers().values()) == BUILT_IN
