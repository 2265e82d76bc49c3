"""Runs analysers over one decoded stream and measures the time of each stage."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from tonearm.analysis.analyser import Analyser, Block, Findings, Float32, Signal
from tonearm.analysis.shared_forms import FrontEnd


@dataclass(frozen=True, slots=True)
class Loaded:
    """An analyser whose class is imported. ``make`` creates one for a file; ``results``: all it may return."""

    name: str
    version: int
    inputs: frozenset[str]
    results: frozenset[str]
    make: Callable[[Signal], Analyser]


@dataclass(frozen=True, slots=True)
class Measured:
    """Version and findings by analyser, and wall seconds by stage: decode, front, and each analyser."""

    findings: dict[str, tuple[int, Findings]]
    timings: dict[str, float]


class Stopwatch:
    """Adds up wall seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, stage: str, since: float) -> None:
        """Add the time since a reading of ``time.perf_counter``."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - since


def load(declared: Mapping[str, Any]) -> Loaded:
    """Import the class of an analyser that ``AnalyserSpec.for_child`` describes.

    Raises whatever importing it raises.
    """
    module, _, attribute = declared["implementation"].partition(":")
    kind = getattr(import_module(module), attribute)
    return Loaded(
        declared["name"],
        declared["version"],
        frozenset(declared["inputs"]),
        frozenset(declared["results"]),
        partial(kind, **declared["options"]),
    )


def measure(
    pieces: Iterable[Float32],
    sample_rate_hz: int,
    channels: int,
    analysers: Sequence[Loaded],
    decoded: Callable[[float], None],
    speakers: tuple[str, ...] = (),
) -> Measured:
    """Run analysers over pieces of (n, channels) float32 samples.

    ``decoded`` is called after each block with the seconds of audio so far. ``speakers``: see ``Signal``.
    Raises ``ValueError`` for an analyser that returns what it does not declare.
    """
    watch = Stopwatch()
    inputs = frozenset[str]().union(*(analyser.inputs for analyser in analysers))
    front = FrontEnd(sample_rate_hz, channels, speakers, inputs)
    running = [(analyser, analyser.make(front.signal)) for analyser in analysers]
    samples = 0
    for block in _timed_blocks(front, pieces, watch):
        for analyser, instance in running:
            began = time.perf_counter()
            instance.feed(block)
            watch.add(analyser.name, began)
        samples += len(block.samples)
        decoded(samples / sample_rate_hz)
    findings = {}
    while running:  # each is dropped before the next: the first needs most memory, and is the last
        analyser, instance = running.pop()
        began = time.perf_counter()
        found = instance.finish()
        if undeclared := sorted({*found.values, *found.series} - analyser.results):
            raise ValueError(f"the analyser {analyser.name} does not declare {', '.join(undeclared)}")
        findings[analyser.name] = (analyser.version, found)
        watch.add(analyser.name, began)
    return Measured(dict(reversed(findings.items())), watch.seconds)


def _timed_blocks(front: FrontEnd, pieces: Iterable[Float32], watch: Stopwatch) -> Iterator[Block]:
    """Yield the blocks; the time in between, less that of decoding, is the front end's."""
    blocks = front.blocks(_timed(pieces, watch))
    while True:
        decoded = watch.seconds.get("decode", 0.0)
        began = time.perf_counter()
        block = next(blocks, None)
        watch.add("front", began + watch.seconds.get("decode", 0.0) - decoded)
        if block is None:
            return
        yield block


def _timed(pieces: Iterable[Float32], watch: Stopwatch) -> Iterator[Float32]:
    source = iter(pieces)
    while True:
        began = time.perf_counter()
        piece = next(source, None)
        watch.add("decode", began)
        if piece is None:
            return
        yield piece
