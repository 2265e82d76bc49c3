"""Renders sound without a beat, to learn what a beat is not: ``python -m tests.accuracy.beatless --help``.

Needs the programs ``fluidsynth`` and ``espeak-ng``, and soundfonts: held chords and tones at random with instruments,
noises, rain, slow sines, and speech by one or several voices, alone and over noise.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator

import numpy as np

from tests.accuracy.midi import Note, midi_file, render
from tests.accuracy.patterns import RATE_HZ, Samples, write

SEED = 23
SECONDS = 26.0
COUNT = round(SECONDS * RATE_HZ)
PADS = (16, 17, 19, 20, 21, 40, 42, 48, 49, 50, 51, 52, 53, 54, 71, 73, 88, 89, 90, 91, 92, 93, 94, 95)
BELLS = (8, 9, 10, 11, 12, 14, 46, 98, 108, 112)
"""MIDI programs of instruments that hold a tone, and of those that are struck."""

VOICES = ("en", "en-us", "en-gb-scotland", "de", "fr", "es", "it", "pl", "pt", "sv")
VARIANTS = ("", "+f2", "+m3", "+f4", "+m7", "+whisper")
SENTENCES = (
    "The quick brown fox jumps over the lazy dog, and then it goes home to sleep, because the day was cold.",
    "Ladies and gentlemen, the council met on Tuesday to discuss the bridge over the river, and nobody agreed.",
    "Once upon a time there was a miller who had three sons, a mill, a donkey and a cat; the sons had to grind.",
    "A function from a set X to a set Y assigns to each element of X exactly one element of Y.",
    "It rained all morning. Later, in the garden, we found a small key, rusted, and nobody knew what it opened!",
    "Seven, eight, or perhaps nine of them remained; the others had left for the coast before the winter.",
)


def main() -> int:
    """Write the audio and ``truth.json``."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.beatless", description=__doc__)
    parser.add_argument("folder", help="where audio and truth.json go")
    parser.add_argument("--soundfont", action="append", required=True, help="used in turn")
    parser.add_argument(
        "--seed", type=int, default=SEED, help="another one makes other pieces of the same kinds"
    )
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    rows: list[dict[str, object]] = [
        {
            "id": name,
            "file": f"{name}.wav",
            "set": "beatless",
            "style": name.rpartition("-")[0],
            "bpm": None,
            "key": None,
            "beats": [],
            "duration_s": SECONDS,
        }
        for name in _written(options.folder, options.soundfont, options.seed)
    ]
    with open(os.path.join(options.folder, "truth.json"), "w", encoding="utf-8") as out:
        json.dump(rows, out, indent=1)
    print(f"{len(rows)} pieces in {options.folder}")
    return 0


def _written(folder: str, fonts: list[str], seed: int) -> Iterator[str]:
    chance, random_numbers = random.Random(seed), np.random.default_rng(seed)
    for number, program in enumerate(PADS + BELLS):
        struck = program in BELLS
        name = f"{'bells' if struck else 'pad'}-{program}"
        notes = list(bells(chance) if struck else held_chords(chance))
        if render(
            os.path.join(folder, name), midi_file(notes, {0: program}, SECONDS), fonts[number % len(fonts)]
        ):
            yield name
    for name, samples in [*noises(random_numbers), *speeches(chance, random_numbers)]:
        write(os.path.join(folder, f"{name}.wav"), 0.5 * samples / float(np.abs(samples).max()))
        yield name


def held_chords(chance: random.Random) -> Iterator[Note]:
    """Chords that last between one and a half and eight seconds each."""
    at = 0.0
    while at < SECONDS:
        lasts = chance.uniform(1.5, 8)
        root = chance.randrange(36, 55)
        for interval in (0, 12, 12 + chance.choice((3, 4)), 19, 24 + chance.choice((0, 2, 7))):
            begins = at + chance.uniform(0, 0.15)
            yield Note(begins, lasts + chance.uniform(0, 1), root + interval, chance.randrange(50, 90))
        at += lasts


def bells(chance: random.Random) -> Iterator[Note]:
    """Tones of a scale at times that know nothing of each other."""
    mean_s = chance.uniform(0.25, 1.5)
    at = 0.0
    while (at := at + chance.expovariate(1 / mean_s)) < SECONDS:
        yield Note(
            at,
            chance.uniform(1, 4),
            60 + chance.choice((0, 2, 4, 7, 9, 12, 14, 16)),
            chance.randrange(40, 100),
        )


def noises(numbers: np.random.Generator) -> Iterator[tuple[str, Samples]]:
    """Steady noises, noises that swell, rain of few and of many drops, and chords of sines that swell."""
    for number, slope in enumerate((0.0, -0.25, -0.5, -0.75, -1.0)):
        yield f"noise-{number}", coloured(numbers, slope)
        yield f"surf-{number}", coloured(numbers, slope / 2) * slow(numbers, numbers.uniform(0.02, 0.3)) ** 2
    for number, rate in enumerate((3, 8, 15, 30, 60, 120, 250, 400)):
        yield f"rain-{number}", rain(numbers, rate)
    time = np.arange(COUNT) / RATE_HZ
    for number in range(6):
        tones = numbers.choice(
            [110, 130.8, 146.8, 164.8, 196, 220, 261.6, 293.7, 329.6, 392], 5, replace=False
        )
        parts = [np.sin(2 * np.pi * (hz * time + numbers.uniform())) * slow(numbers, 0.1) for hz in tones]
        yield f"sines-{number}", np.asarray(np.sum(parts, axis=0), np.float64)


def coloured(numbers: np.random.Generator, slope: float) -> Samples:
    """Noise whose amplitude is the frequency to the power ``slope``, of unit standard deviation."""
    spectrum = np.fft.rfft(numbers.standard_normal(COUNT))
    hz = np.maximum(np.fft.rfftfreq(COUNT, 1 / RATE_HZ), 20)
    noise = np.fft.irfft(spectrum * hz**slope, COUNT)
    return np.asarray(noise / noise.std(), np.float64)


def slow(numbers: np.random.Generator, least: float) -> Samples:
    """A curve between ``least`` and 1 that turns every second or two."""
    points = np.convolve(numbers.standard_normal(int(4 * SECONDS) + 8), np.hanning(9), "valid")
    points = (points - points.min()) / float(np.ptp(points))
    return np.asarray(
        least + (1 - least) * np.interp(np.arange(COUNT), np.linspace(0, COUNT, len(points)), points)
    )


def rain(numbers: np.random.Generator, rate: float) -> Samples:
    """So many short bursts of noise a second at random times, over a faint hiss."""
    sound = 0.02 * coloured(numbers, -0.3)
    burst = np.exp(-np.arange(2500) / numbers.uniform(60, 400)) * numbers.standard_normal(2500)
    for at in numbers.integers(0, COUNT - len(burst), int(rate * SECONDS)):
        sound[at : at + len(burst)] += burst * numbers.uniform(0.1, 1)
    return sound


def speeches(chance: random.Random, numbers: np.random.Generator) -> Iterator[tuple[str, Samples]]:
    """One voice, then a voice over noise, then a crowd of four."""
    for number in range(24):
        yield f"speech-{number}", spoken(chance)
    for number in range(6):
        voice = spoken(chance)
        yield f"reporter-{number}", voice / voice.std() + numbers.uniform(0.1, 0.5) * coloured(numbers, -0.5)
    for number in range(4):
        yield f"crowd-{number}", np.asarray(np.sum([spoken(chance) for _ in range(4)], axis=0), np.float64)


def spoken(chance: random.Random) -> Samples:
    """Sentences in a random voice."""
    voice = chance.choice(VOICES) + chance.choice(VARIANTS)
    text = " ".join(chance.choice(SENTENCES) for _ in range(6))
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "speech.wav")
        call = ["espeak-ng", "-v", voice, "-s", str(chance.randrange(110, 200)), "-w", path, text]
        subprocess.run(call, check=True, capture_output=True)
        with wave.open(path) as held:
            rate, data = held.getframerate(), held.readframes(held.getnframes())
    samples = np.frombuffer(data, "<i2").astype(np.float64)
    at = np.arange(COUNT) * rate / RATE_HZ
    return np.asarray(np.interp(at, np.arange(len(samples)), samples, right=0.0), np.float64)


if __name__ == "__main__":
    sys.exit(main())
