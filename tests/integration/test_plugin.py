"""An analyser of another package is found, run in the sandbox, and its results are stored, shown and updated."""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import material
from tests.program import Program

DECLARATION = """
from tonearm.analysis.declaration import AnalyserSpec, Column, Series

CROSSINGS = AnalyserSpec(
    name="crossings",
    version=1,
    implementation="crossings_for_tonearm.analyser:Crossings",
    inputs=("samples",),
    columns=(
        Column("crossings_hz", float, "zero crossings", "how often the first channel changes its sign", "Hz", 1),
    ),
    series=(Series("crossings_by_block", "zero crossings", "number in each block"),),
    options=("window_s",),
)
"""

ANALYSER = """
import numpy as np

from tonearm.analysis.analyser import Block, Findings, Signal


class Crossings:
    def __init__(self, signal: Signal, window_s: float) -> None:
        self._rate_hz = signal.sample_rate_hz
        self._samples = 0
        self._counts: list[int] = []
        assert window_s == 10.0

    def feed(self, block: Block) -> None:
        negative = np.signbit(block.samples[:, 0])
        self._counts.append(int(np.count_nonzero(negative[1:] != negative[:-1])))
        self._samples += len(block.samples)

    def finish(self) -> Findings:
        seconds = self._samples / self._rate_hz
        return Findings({"crossings_hz": sum(self._counts) / seconds}, {"crossings_by_block": self._counts})
"""


class Environment:
    """A virtual environment in which Tonearm is installed as in this one; packages can be added."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.python = folder / "bin" / "python"
        [self._packages] = folder.glob("lib/python*/site-packages")
        ours = sysconfig.get_path("purelib")
        (self._packages / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")

    def install(self, entry: str = "crossings_for_tonearm:CROSSINGS", **files: str) -> None:
        """Install the package as an installer leaves it; ``files``: other contents of its modules."""
        package = self._packages / "crossings_for_tonearm"
        package.mkdir(exist_ok=True)
        for name, text in ({"__init__": DECLARATION, "analyser": ANALYSER} | files).items():
            (package / f"{name}.py").write_text(text)
        about = self._packages / "crossings_for_tonearm-1.0.dist-info"
        about.mkdir(exist_ok=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: crossings-for-tonearm\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[tonearm.analysers]\ncrossings = {entry}\n")


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "venv")


@pytest.fixture
def program(tmp_path: Path, environment: Environment) -> Iterator[Program]:
    with Program(tmp_path / "data", python=str(environment.python)) as program:
        yield program


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "a.flac").write_bytes(material.good("flac"))
    (folder / "b.mp3").write_bytes(material.good("mp3", seed=2))
    return folder


def test_an_installed_analyser_needs_no_change_anywhere(
    program: Program, environment: Environment, music: Path
) -> None:
    program.run("analyze", music, check=True)
    assert "crossings_hz" not in next(iter(program.tracks().values()))

    environment.install()
    outcome = program.run("analyze", music, check=True)
    assert outcome.summary["done"] == 2
    tracks = program.tracks("--sort", "crossings_hz")
    rates = [track["crossings_hz"] for track in tracks.values()]
    assert all(100 < rate < 20_000 for rate in rates)
    assert rates == sorted(rates)
    [shown] = program.run("show", music / "a.flac", check=True).events
    assert len(shown["crossings_by_block"]) > 1
    assert {"name": "crossings", "version": 1} in [
        {"name": one["name"], "version": one["version"]} for one in shown["analysers"]
    ]
    assert program.query("SELECT count(*) FROM analyses WHERE analyser = 'tempo'") == [(2,)]

    environment.install(__init__=DECLARATION.replace("version=1", "version=2"))
    [status] = program.run("status", check=True).events
    assert status["stale_files"] == 2
    assert status["stale"] == [{"analyser": "crossings", "version": 2, "found": 1, "files": 2}]
    stale = program.run("tracks", "--stale", check=True).events
    assert [track["stale"] for track in stale] == [{"crossings": 1}] * 2
    outcome = program.run("analyze", "--stale", "--files", "1", check=True)
    assert (outcome.summary["discovered"], outcome.summary["done"]) == (1, 1)
    assert {job["level"] for job in outcome.of("job_started")} == {"background"}
    outcome = program.run("analyze", "--stale", music, "--for", "10m", check=True)
    assert outcome.summary["done"] == 1
    assert program.run("analyze", "--stale", check=True).summary["discovered"] == 0
    versions = "SELECT version, count(*) FROM analyses WHERE analyser = 'crossings' GROUP BY 1"
    assert program.query(versions) == [(1, 2), (2, 2)]


def test_an_analyser_that_can_not_be_declared_is_named_with_its_package(
    program: Program, environment: Environment, music: Path
) -> None:
    environment.install(entry="crossings_for_tonearm:NOWHERE")
    outcome = program.run("analyze", music)
    assert outcome.status == 2
    assert "analyser crossings of the package crossings-for-tonearm" in outcome.errors


def test_an_analyser_that_can_not_be_loaded_is_named_before_any_file_is_touched(
    program: Program, environment: Environment, music: Path
) -> None:
    environment.install(analyser="import no_such_module\n")
    outcome = program.run("analyze", music)
    assert outcome.status != 0
    assert "analyser crossings can't be loaded" in outcome.errors
    assert program.query("SELECT count(*) FROM jobs WHERE state = 'quarantined'") == [(0,)]
