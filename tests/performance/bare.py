"""The analysis without the pipeline, for comparison with the whole command."""

import io
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

from tonearm.analysis.catalog import for_child
from tonearm.analysis.decode import AudioSource, open_audio
from tonearm.analysis.engine import Loaded, Measured, Stopwatch, load, measure
from tonearm.analysis.file_window import RawFile
from tonearm.analysis.open_audio import examined
from tonearm.analysis.tags import read_tags
from tonearm.worker.child_main import warm_up
from tonearm.worker.child_process import environment

ANALYSERS = [load(declared) for declared in for_child(SimpleNamespace(window_s=10.0))]


@dataclass
class Round:
    """One measured round: wall seconds, CPU seconds, seconds of audio, seconds by stage."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    audio_s: float = 0.0
    files: int = 0
    stages: dict[str, float] = field(default_factory=dict)


def decode_only(path: Path) -> tuple[float, float, dict[str, float]]:
    """Decode a file; returns CPU seconds, seconds of audio, and no stages."""
    began = time.process_time()
    with io.FileIO(str(path)) as file, open_audio(file) as source:
        for _ in source.samples():
            pass
        seconds = source.report.facts.decoded_s
    return time.process_time() - began, seconds, {}


def measured_of(file: RawFile, analysers: Sequence[Loaded]) -> Measured:
    """What the analysers find in an open file."""
    with open_audio(file) as source:
        return _measured(source, analysers)


def _measured(source: AudioSource, analysers: Sequence[Loaded]) -> Measured:
    sound = source.sound
    return measure(
        source.samples(), sound.sample_rate_hz, sound.channels, analysers, lambda _: None, source.speakers
    )


def analyse(path: Path) -> tuple[float, float, dict[str, float]]:
    """Do to a file what a child does; returns CPU seconds, seconds of audio, wall seconds by stage."""
    began = time.process_time()
    watch = Stopwatch()
    with io.FileIO(str(path)) as file:
        mark = time.perf_counter()
        with examined(file) as found:
            watch.add("identify", mark)
            mark = time.perf_counter()
            read_tags(file)
            watch.add("tags", mark)
            with found.audio() as source:
                measured = _measured(source, ANALYSERS)
                seconds = source.report.facts.decoded_s
    return time.process_time() - began, seconds, watch.seconds | measured.timings


def _prepare() -> None:
    warm_up(ANALYSERS)


def run(work: object, paths: Sequence[Path], processes: int) -> Round:
    """Let warm processes share the files, longest first; nothing else happens meanwhile."""
    assert callable(work)
    found = Round(files=len(paths))
    os.environ |= environment()  # a process reads it when it starts
    with get_context("spawn").Pool(processes, _prepare) as pool:
        pool.map(_nothing, range(processes * 4))
        began = time.perf_counter()
        for cpu_s, audio_s, stages in pool.imap_unordered(work, paths, chunksize=1):
            found.cpu_s += cpu_s
            found.audio_s += audio_s
            for stage, seconds in stages.items():
                found.stages[stage] = found.stages.get(stage, 0.0) + seconds
        found.wall_s = time.perf_counter() - began
    return found


def _nothing(number: int) -> int:
    time.sleep(0.05)  # long enough that every process of the pool takes one and is warm
    return number
