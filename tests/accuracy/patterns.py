"""Renders drum patterns of known tempo, from metronomes to jungle: ``python -m tests.accuracy.patterns FOLDER``.

Some change their tempo half-way or little by little, and some are heard over held chords.
"""

import json
import os
import sys
import wave
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tests.accuracy.truth import HELD

RATE_HZ = 44_100
SECONDS = 20.0
SEED = 11

PATTERNS: dict[str, tuple[tuple[float, float], int, dict[str, tuple[float, ...]]]] = {
    "metronome": ((60, 180), 1, {"click": (0,)}),
    "kick": ((100, 150), 1, {"kick": (0,)}),
    "kick and hat": ((100, 150), 1, {"kick": (0,), "hat": (0.5,)}),
    "backbeat": ((70, 160), 4, {"kick": (0, 2), "snare": (1, 3)}),
    "rock": ((80, 160), 4, {"kick": (0, 2, 2.5), "snare": (1, 3), "hat": (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5)}),
    "house": ((115, 135), 4, {"kick": (0, 1, 2, 3), "snare": (1, 3), "hat": (0.5, 1.5, 2.5, 3.5)}),
    "shuffle": (
        (90, 150),
        4,
        {"kick": (0, 2), "snare": (1, 3), "hat": (0, 0.667, 1, 1.667, 2, 2.667, 3, 3.667)},
    ),
    "twelve eighths": (
        (55, 90),
        4,
        {"kick": (0, 2), "snare": (1, 3), "hat": tuple(i / 3 for i in range(12))},
    ),
    "six eighths": ((50, 90), 2, {"kick": (0,), "snare": (1,), "hat": tuple(i / 3 for i in range(6))}),
    "waltz": ((90, 180), 3, {"kick": (0,), "hat": (1, 2)}),
    "half time": ((70, 90), 4, {"kick": (0, 1.5), "snare": (2,), "hat": tuple(i / 2 for i in range(8))}),
    "two step": ((160, 180), 4, {"kick": (0, 2.5), "snare": (1, 3), "hat": tuple(i / 2 for i in range(8))}),
    "amen": (
        (160, 180),
        4,
        {"kick": (0, 0.5, 2.5), "snare": (1, 1.75, 2.25, 3), "hat": tuple(i / 2 for i in range(8))},
    ),
    "jungle": (
        (160, 180),
        4,
        {"kick": (0, 1.5, 2.5), "snare": (1, 3, 3.75), "hat": tuple(i / 2 for i in range(8))},
    ),
    "steppers": ((160, 180), 4, {"kick": (0, 2), "snare": (1, 3), "hat": tuple(i / 2 for i in range(8))}),
}
"""By style: the range of tempi, beats a bar, and for each drum the beats on which it is struck."""

EACH = 4
"""Pieces of each style, their tempi evenly spread."""

CHANGING = ("metronome", "kick", "kick and hat", "backbeat", "rock", "house")
CHANGES = {"change": (0.85, 1.18), "ramp": (0.8, 1.25)}
"""Styles that are rendered with changes of tempo too, and by how much it changes."""

OVER_CHORDS = ("metronome", "kick", "kick and hat", "backbeat", "house", "six eighths")
CHORD_LEVELS = (0.1, 0.25, 0.5)
"""Styles that are rendered over held chords too, and the amplitude of each of their three notes."""
ROOTS = (0, 5, 7, 0)
"""The chords, in semitones above the first; one lasts for 4, 8, and all beats."""

Samples = NDArray[np.float64]


def main() -> int:
    """Write the audio and ``truth.json``."""
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    rows = [row for style in PATTERNS for row in _rows(folder, style)]
    with open(os.path.join(folder, "truth.json"), "w", encoding="utf-8") as out:
        json.dump(rows, out, indent=1)
    return 0


def _rows(folder: str, style: str) -> Iterator[dict[str, object]]:
    yield from _steady(folder, style)
    yield from _changing(folder, style)
    yield from _over_chords(folder, style)


def _steady(folder: str, style: str) -> Iterator[dict[str, object]]:
    slowest, fastest = PATTERNS[style][0]
    for number in range(EACH):
        bpm = slowest + (fastest - slowest) * (number + 0.5) / EACH
        name = f"{style.replace(' ', '-')}-{number}"
        times = beat_times([bpm] * int(SECONDS * bpm / 60))
        yield {"bpm": bpm, **_written(folder, name, "synth", style, times, SEED + number)}


def _changing(folder: str, style: str) -> Iterator[dict[str, object]]:
    if style not in CHANGING:
        return
    bpm = sum(PATTERNS[style][0]) / 2
    count = int(SECONDS * bpm / 60)
    for kind, ratios in CHANGES.items():
        for number, ratio in enumerate(ratios):
            jump = [bpm] * (count // 2) + [bpm * ratio] * (count // 2)
            tempi = jump if kind == "change" else list(bpm * np.linspace(1, ratio, count))
            name = f"{style.replace(' ', '-')}-{kind}-{number}"
            row = _written(folder, name, kind, style, beat_times(tempi), SEED + number)
            yield {"bpm": None, "bpm_start": bpm, "bpm_end": bpm * ratio, **row}


def _over_chords(folder: str, style: str) -> Iterator[dict[str, object]]:
    if style not in OVER_CHORDS:
        return
    slowest, fastest = PATTERNS[style][0]
    for number, level in enumerate(CHORD_LEVELS):
        for length, beats in enumerate((4, 8, 1000)):
            bpm = slowest + (fastest - slowest) * (3 * number + length + 0.5) / 9
            times = beat_times([bpm] * int(SECONDS * bpm / 60))
            chords = held_chords(times, beats, 7 * number + 3 * length, is_soft=bool((number + length) % 2))
            name = f"{style.replace(' ', '-')}-chords-{number}-{length}"
            row = _written(folder, name, HELD, f"{style} over chords", times, SEED + number, level * chords)
            yield {"bpm": bpm, **row}


def held_chords(times: Samples, beats: int, transposed: int, is_soft: bool) -> Samples:
    """(n,) samples of major chords that change every so many beats; of a sine a note, or of many partials."""
    time = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    place = np.searchsorted(times, time, side="right") - 1
    root = 110 * 2 ** ((np.array(ROOTS)[place // beats % len(ROOTS)] + transposed % 12) / 12)
    samples = np.zeros(len(time))
    for ratio in (1.0, 2 ** (4 / 12), 2 ** (7 / 12)):
        turns = np.cumsum(root * ratio) / RATE_HZ
        partials = (1,) if is_soft else range(1, 12)
        samples += sum(np.sin(2 * np.pi * partial * turns) / partial for partial in partials)
    return samples


def beat_times(tempi: Sequence[float]) -> Samples:
    """When the beats are, from the tempo of each, until the music ends."""
    times = np.concatenate([[0.0], np.cumsum(60 / np.asarray(tempi))])
    return times[times < SECONDS]


def _written(
    folder: str, name: str, kind: str, style: str, times: Samples, seed: int, beside: Samples | None = None
) -> dict[str, object]:
    """Write a pattern on these beats, with what sounds beside it; its row of ``truth.json`` without the tempo."""
    _, bar, drums = PATTERNS[style.removesuffix(" over chords")]
    samples = render(times, bar, drums, seed)
    write(os.path.join(folder, name + ".wav"), samples if beside is None else samples + beside)
    return {
        "id": name,
        "file": name + ".wav",
        "set": kind,
        "style": style,
        "key": None,
        "beats": [round(float(at), 4) for at in times],
        "duration_s": SECONDS,
    }


def render(times: Samples, bar: int, drums: dict[str, tuple[float, ...]], seed: int) -> Samples:
    """(n,) samples of a pattern on beats at some times, with a little noise and strokes of varying strength."""
    random = np.random.default_rng(seed)
    sounds = _sounds(random)
    samples = 0.001 * random.standard_normal(round(SECONDS * RATE_HZ))
    for drum, strokes in drums.items():
        for start in range(0, len(times), bar):
            for stroke in strokes:
                at = round(_time(times, start + stroke) * RATE_HZ)
                part = samples[at : at + len(sounds[drum])]
                part += random.uniform(0.8, 1.0) * sounds[drum][: len(part)]
    return samples


def _time(times: Samples, beat: float) -> float:
    """When a part of a beat is; behind the last one the beats go on as before."""
    last = len(times) - 1
    if beat >= last:
        return float(times[last] + (beat - last) * (times[last] - times[last - 1]))
    return float(np.interp(beat, np.arange(len(times)), times))


def _sounds(random: np.random.Generator) -> dict[str, Samples]:
    time = np.arange(round(0.3 * RATE_HZ)) / RATE_HZ
    hiss = random.standard_normal(len(time))
    return {
        "click": 0.4 * hiss * np.exp(-time / 0.004),
        "kick": 0.6 * np.sin(2 * np.pi * (50 * time + 4 * (1 - np.exp(-30 * time)))) * np.exp(-time / 0.1),
        "snare": (0.25 * hiss + 0.2 * np.sin(2 * np.pi * 190 * time)) * np.exp(-time / 0.07),
        "hat": 0.1 * np.diff(hiss, prepend=0.0) * np.exp(-time / 0.02),
    }


def write(path: str, samples: Samples) -> None:
    """Write samples as a mono WAV file of 16 bits."""
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes((32_767 * np.clip(samples, -1, 1)).astype("<i2").tobytes())


if __name__ == "__main__":
    sys.exit(main())
