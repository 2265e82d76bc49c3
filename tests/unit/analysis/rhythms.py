"""Sounds with known beats, and the results of the tempo analyser for them."""

from collections.abc import Iterable

import numpy as np

from tonearm.analysis.analyser import Block, Findings, Float32, Float64, Spectrum
from tonearm.analysis.shared_forms import FrontEnd
from tonearm.analysis.tempo import TempoAnalyser

RATE = 44_100
EMPTY = np.zeros(0, np.float32)


def beat_times(segments: Iterable[tuple[float, float]], start_s: float = 0.5) -> Float64:
    """Beats of segments of (BPM, seconds), one after the other."""
    times: list[float] = []
    at, end = start_s, start_s
    for bpm, length_s in segments:
        end += length_s
        while at < end:
            times.append(at)
            at += 60 / bpm
    return np.array(times)


def clicks(times_s: Float64, duration_s: float, *, noise: float = 0.001) -> Float32:
    """(n,) float32: a short decaying burst at each time over a little noise."""
    random = np.random.default_rng(1)
    samples = noise * random.standard_normal(int(duration_s * RATE))
    burst = random.standard_normal(2000) * np.exp(-np.arange(2000) / 400)
    for time in times_s:
        start = int(time * RATE)
        part = samples[start : start + len(burst)]
        part += 0.5 * burst[: len(part)]
    return samples.astype(np.float32)


def swells(duration_s: float) -> Float32:
    """(n,) float32: a chord whose tones swell slowly and independently."""
    random = np.random.default_rng(2)
    at = np.arange(int(duration_s * RATE)) / RATE
    total = 0.002 * random.standard_normal(len(at))
    for hz in (110.0, 164.8, 220.0, 277.2, 329.6):
        slow, phase = random.uniform(0.05, 0.2), random.uniform(0, 6)
        total += 0.1 * np.sin(2 * np.pi * hz * at) * (1.2 + np.sin(2 * np.pi * slow * at + phase))
    return total.astype(np.float32)


def blocks(samples: Float32) -> list[Block]:
    """The blocks of a mono file."""
    return list(FrontEnd(RATE, 1).blocks([samples[:, None]]))


def tempo_of(samples: Float32, *, window_s: float = 10.0) -> Findings:
    """What the analyser finds in a mono file."""
    analyser = TempoAnalyser(FrontEnd(RATE, 1).signal, window_s=window_s)
    for block in blocks(samples):
        analyser.feed(block)
    return analyser.finish()


def tempo_of_mel(mel: Float32, cuts: Iterable[int]) -> Findings:
    """What the analyser finds in (frames, 40) mel powers that arrive cut at these rows."""
    analyser = TempoAnalyser(FrontEnd(RATE, 1).signal)
    for part in np.split(mel, sorted(cuts)):
        analyser.feed(Block(EMPTY[:, None], EMPTY, EMPTY, Spectrum(part, EMPTY, EMPTY[:, None]), 0.0, 0.0))
    return analyser.finish()


def mel_of(samples: Float32) -> Float32:
    """(frames, 40) mel powers of a mono file."""
    return np.concatenate([block.spectrum.mel for block in blocks(samples)])
