"""The real command in control groups: as many children as fit; one that is killed for memory costs only its file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import material
from tests.control_groups import joining, own_group
from tests.integration.test_plugin import Environment
from tests.program import Program, wait_for

HOARDER = """
import numpy as np

from tonearm.analysis.analyser import Block, Findings, Signal


class Crossings:
    def __init__(self, signal: Signal, window_s: float) -> None:
        self._kept = []
        self._samples = 0

    def feed(self, block: Block) -> None:
        self._samples += len(block.samples)
        if self._samples > 44_100 * 10:
            self._kept.append(np.ones(20 << 20))  # 160 MB

    def finish(self) -> Findings:
        return Findings({"crossings_hz": 1.0}, {"crossings_by_block": [1]})
"""
"""An analyser that needs much memory for files of more than ten seconds."""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    environment = Environment(tmp_path / "venv")
    environment.install(analyser=HOARDER)
    with Program(tmp_path / "data", python=str(environment.python)) as program:
        yield program


def test_a_child_that_is_killed_for_memory_costs_its_file_an_attempt(
    program: Program, tmp_path: Path
) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "long.flac").write_bytes(material.good("flac", 14.0))
    for number in range(3):
        (folder / f"{number}.flac").write_bytes(material.good("flac", 4.0, seed=number))
    with own_group("memory", memory__limit_in_bytes=300 << 20) as group:
        process = program.start("analyze", folder, "--json", through=joining(group))
        retrying = wait_for(process, "job_retrying")
        assert (retrying["code"], retrying["cause"]) == ("killed-for-memory", "system")
        assert retrying["path"].endswith("long.flac")
        assert "ran out of memory" in retrying["reason"]
        (group / "memory.limit_in_bytes").write_text(str(4 << 30))
        outcome = program.wait(process, check=True)
    assert (outcome.summary["done"], outcome.summary["failed"]) == (4, 0)
    deaths = program.query("SELECT DISTINCT code FROM attempts WHERE code IS NOT NULL")
    assert deaths == [("killed-for-memory",)]


def test_the_default_of_workers_fits_the_group(program: Program) -> None:
    del program.environment["TONEARM_WORKERS"]

    def workers(through: list[str]) -> int:
        outcome = program.wait(program.start("config", "--json", through=through), check=True)
        [value] = [row["value"] for row in outcome.events if row["setting"] == "workers"]
        return int(value)

    with own_group("memory", memory__limit_in_bytes=300 << 20) as group:
        assert workers(joining(group)) == 1
    with own_group("cpu", cpu__cfs_period_us=100_000, cpu__cfs_quota_us=50_000) as group:
        assert workers(joining(group)) == 1
