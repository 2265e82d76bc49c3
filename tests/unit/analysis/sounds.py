"""Sounds with known properties, generated for the tests."""

from collections.abc import Callable, Sequence

import numpy as np

from tonearm.analysis.analyser import Analyser, Findings, Float32, Signal
from tonearm.analysis.shared_forms import FrontEnd

RATE_HZ = 22050


def tone(hz: float, seconds: float, overtones: int = 5) -> Float32:
    """A struck note: harmonics of falling strength, fading out."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    number = np.arange(1, overtones + 1)[:, None]
    waves = (np.sin(2 * np.pi * hz * number * time) / number**1.5).sum(axis=0)
    samples: Float32 = (0.1 * waves * np.exp(-time / seconds)).astype(np.float32)
    return samples


def chord(pitches: Sequence[int], seconds: float, cents: float = 0.0) -> Float32:
    """MIDI pitches sounding together, all of them ``cents`` sharp."""
    tones = [tone(440 * 2 ** ((pitch - 69 + cents / 100) / 12), seconds) for pitch in pitches]
    return np.asarray(np.sum(tones, axis=0), np.float32)


def cadence(tonic: int, mode: str, cents: float = 0.0) -> Float32:
    """Tonic, subdominant, dominant, tonic on pitch class ``tonic``: I IV V I, in minor i iv V i."""
    third = 4 if mode == "major" else 3
    degrees = ((0, third), (5, third), (7, 4), (0, third))
    chords = [
        chord((36 + root, 48 + root, 48 + root + size, 55 + root), 2.0, cents)
        for root, size in ((tonic + degree, size) for degree, size in degrees)
    ]
    return np.concatenate(chords)


def noise(seconds: float, seed: int = 1, strength: float = 0.1) -> Float32:
    """White noise."""
    samples = np.random.default_rng(seed).normal(0, strength, round(seconds * RATE_HZ))
    return samples.astype(np.float32)


def drum_loop(seconds: float, beats_a_minute: float = 120.0) -> Float32:
    """A machine's kick, snare and hi-hat: every stroke of one drum is the same sound."""
    generator = np.random.default_rng(3)
    time = np.arange(round(0.3 * RATE_HZ)) / RATE_HZ
    kick = np.sin(2 * np.pi * (50 * time + 4 * (1 - np.exp(-30 * time)))) * np.exp(-12 * time)
    snare = generator.normal(0, 0.4, len(time)) * np.exp(-20 * time)
    hat = np.diff(generator.normal(0, 0.3, len(time)) * np.exp(-60 * time), prepend=0)
    out = np.zeros(round(seconds * RATE_HZ), np.float32)
    step = round(30 * RATE_HZ / beats_a_minute)
    for index, start in enumerate(range(0, len(out) - len(time), step)):
        strokes = hat + (kick if index % 4 == 0 else snare if index % 4 == 2 else 0)
        out[start : start + len(time)] += (0.3 * strokes).astype(np.float32)
    return out


def analyse(kind: Callable[[Signal], Analyser], samples: Float32, rate_hz: int = RATE_HZ) -> Findings:
    """Run one analyser over (n,) or (n, channels) samples."""
    stream = samples[:, None] if samples.ndim == 1 else samples
    front = FrontEnd(rate_hz, stream.shape[1])
    analyser = kind(front.signal)
    for block in front.blocks([stream]):
        analyser.feed(block)
    return analyser.finish()
