"""One decode feeds every analyser; the time of each stage is measured on the way."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tonearm.analysis.analyser import Analyser, Findings, Float32
from tonearm.analysis.front import FrontEnd
from tonearm.analysis.registry import ANALYSERS
from tonearm.analysis.tempo import TempoAnalyser


@dataclass(frozen=True, slots=True)
class Measured:
    """Findings by analyser with its version, and seconds by stage: decode, front, and each analyser."""

    findings: dict[str, tuple[int, Findings]]
    timings: dict[str, float]


class Stopwatch:
    """Adds up wall seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, stage: str, since: float) -> None:
        """Count the time since a reading of ``time.perf_counter``."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - since


def measure(
    pieces: Iterable[Float32],
    sample_rate_hz: int,
    channels: int,
    names: Iterable[str],
    window_s: float,
    heard: Callable[[float], None],
    speakers: tuple[str, ...] = (),
) -> Measured:
    """Run the named analysers over pieces of (n, channels) float32 samples.

    ``heard`` is told the seconds of audio that went through, block by block. ``speakers``: see ``Signal``.
    """
    watch = Stopwatch()
    front = FrontEnd(sample_rate_hz, channels, speakers)
    wanted = set(names)
    running = [_made(kind, front, window_s) for kind in ANALYSERS if kind.name in wanted]
    samples = 0
    blocks = iter(front.blocks(_timed(pieces, watch)))
    while True:
        decoded = watch.seconds.get("decode", 0.0)
        began = time.perf_counter()
        block = next(blocks, None)
        watch.seconds["front"] = (
            watch.seconds.get("front", 0.0)
            + (time.perf_counter() - began)
            - (watch.seconds.get("decode", 0.0) - decoded)
        )
        if block is None:
            break
        for analyser in running:
            began = time.perf_counter()
            analyser.feed(block)
            watch.add(analyser.name, began)
        samples += len(block.samples)
        heard(samples / sample_rate_hz)
    findings = {}
    for analyser in running:
        began = time.perf_counter()
        findings[analyser.name] = (analyser.version, analyser.finish())
        watch.add(analyser.name, began)
    return Measured(findings, watch.seconds)


def _made(kind: type[Analyser], front: FrontEnd, window_s: float) -> Analyser:
    if kind is TempoAnalyser:
        return TempoAnalyser(front.signal, window_s=window_s)
    return kind(front.signal)


def _timed(pieces: Iterable[Float32], watch: Stopwatch) -> Iterator[Float32]:
    source = iter(pieces)
    while True:
        began = time.perf_counter()
        piece = next(source, None)
        watch.add("decode", began)
        if piece is None:
            return
        yield piece
