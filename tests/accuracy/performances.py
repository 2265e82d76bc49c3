"""Renders music without drums, played freely: ``python -m tests.accuracy.performances --help``.

Needs the program ``fluidsynth`` and soundfonts. Each piece is a chain of chords under a melody in one of several
textures, from a chorale to an arpeggio; its tempo wavers, phrases end slower, and no note is quite on the beat.
"""

import argparse
import json
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.accuracy.accompaniments import LATENCY_S, ROOTS
from tests.accuracy.midi import Note, midi_file, render

SEED = 17
SECONDS = 32.0
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11)
CHAINS = ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (0, 1, 4, 0), (0, 3, 6, 2, 5, 1, 4, 0), (0, 5, 1, 4))
"""Degrees of the scale on which chords are built."""


@dataclass(frozen=True, slots=True)
class Texture:
    """How a piece is set.

    instruments: MIDI programs of the chords and of the melody, one pair is chosen. tempi: the slowest and the fastest.
    bars: beats a bar that it may have. parts: steps a beat; steps: those of a beat that the chords play.
    chord_beats: beats a chord may last. broken: whether the chord's notes come one by one. bass: whether a low note
    marks the bar. held: how long a note of the chord lasts, in steps. rubato: standard deviation of the tempo.
    """

    instruments: tuple[tuple[int, int], ...]
    tempi: tuple[float, float]
    bars: tuple[int, ...]
    parts: int
    steps: tuple[int, ...]
    chord_beats: tuple[int, ...]
    broken: bool
    bass: bool
    held: float
    rubato: tuple[float, float]


STRINGS, PIANO, WINDS = (
    ((48, 48), (49, 40), (48, 42)),
    ((0, 0), (1, 0), (0, 73)),
    ((68, 73), (71, 68), (60, 56)),
)
TEXTURES = {
    "chorale": Texture(
        (*STRINGS, (19, 19), (52, 52)), (55, 100), (4, 3), 1, (0,), (1, 2), False, False, 1.0, (0.02, 0.06)
    ),
    "adagio": Texture((*STRINGS, *WINDS), (42, 72), (4, 3), 2, (0,), (2, 4), False, False, 2.0, (0.03, 0.09)),
    "repeated chords": Texture(
        (*STRINGS, *PIANO), (60, 130), (4, 3, 2), 2, (0, 1), (2, 4), False, True, 0.8, (0.02, 0.06)
    ),
    "nocturne": Texture(PIANO, (45, 90), (4, 3), 3, (0, 1, 2), (2, 4), True, True, 2.5, (0.05, 0.12)),
    "arpeggio": Texture(
        ((46, 73), (24, 24), (0, 42), (6, 6)),
        (60, 120),
        (4, 3),
        4,
        (0, 1, 2, 3),
        (2, 4),
        True,
        True,
        2.0,
        (0.02, 0.08),
    ),
    "waltz": Texture((*PIANO, *STRINGS), (90, 180), (3,), 1, (1, 2), (3, 6), False, True, 0.7, (0.03, 0.10)),
    "quartet": Texture(STRINGS, (60, 140), (4, 3, 2), 2, (0, 1), (1, 2, 4), True, False, 1.0, (0.02, 0.06)),
    "solo": Texture(
        ((40, 40), (73, 73), (42, 42), (24, 24)),
        (50, 110),
        (4, 3),
        4,
        (),
        (4,),
        False,
        False,
        1.0,
        (0.04, 0.10),
    ),
    "walking bass": Texture(
        ((0, 66), (26, 26), (0, 0)), (90, 200), (4,), 1, (1, 3), (2, 4), False, True, 0.6, (0.01, 0.03)
    ),
}
MELODY = (
    (1.0,),
    (0.5, 0.5),
    (1.5, 0.5),
    (2.0,),
    (0.25, 0.25, 0.5),
    (0.75, 0.25),
    (1 / 3, 1 / 3, 1 / 3),
    (3.0,),
)
"""Lengths of the melody's notes in beats, a figure at a time."""


def main() -> int:
    """Write the audio and ``truth.json``."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.performances", description=__doc__)
    parser.add_argument("folder", help="where audio and truth.json go")
    parser.add_argument("--soundfont", action="append", required=True, help="used in turn")
    parser.add_argument("--each", type=int, default=16, help="pieces of each texture")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    rows = list(_rows(options.folder, options.soundfont, options.each))
    with open(os.path.join(options.folder, "truth.json"), "w", encoding="utf-8") as out:
        json.dump(rows, out, indent=1)
    print(f"{len(rows)} pieces in {options.folder}")
    return 0


def _rows(folder: str, fonts: list[str], each: int) -> Iterator[dict[str, object]]:
    chance = random.Random(SEED)
    for name, texture in TEXTURES.items():
        for number in range(each):
            piece = Performance(texture, chance)
            path = f"{name.replace(' ', '-')}-{number}"
            if render(os.path.join(folder, path), piece.midi(), fonts[number % len(fonts)]):
                yield {"id": path, "file": f"{path}.wav", "style": name, **piece.truth()}


class Performance:
    """A piece of a texture by chance: its notes, and when its beats are."""

    def __init__(self, texture: Texture, chance: random.Random) -> None:
        self._texture, self._chance = texture, chance
        self._bar = chance.choice(texture.bars)
        self._minor = chance.random() < 0.4
        self._root = chance.randrange(12)
        self._programs = dict(enumerate(chance.choice(texture.instruments)))
        self.beats = self._beats(chance.uniform(*texture.tempi))
        self._jitter_s = chance.uniform(0.005, 0.02)

    def _beats(self, bpm: float) -> list[float]:
        """Times of the beats: the tempo wanders, and falls at the ends of phrases of four or eight bars."""
        waver = self._chance.uniform(*self._texture.rubato)
        phrase = self._bar * self._chance.choice((4, 8))
        drop = self._chance.uniform(0.5, 2.5) * waver
        times, away, beat = [0.1], 0.0, 0
        while times[-1] < SECONDS:
            away = 0.85 * away + self._chance.gauss(0, waver * 0.5)
            ending = drop if beat % phrase >= phrase - 2 else 0.0
            times.append(times[-1] + 60 / bpm * float(np.exp(away + ending)))
            beat += 1
        return times

    def truth(self) -> dict[str, object]:
        """A row of ``truth.json`` without its name."""
        gaps = np.diff(self.beats)
        return {
            "set": "real",
            "bpm": float(60 / np.median(gaps)),
            "key": f"{ROOTS[self._root]} {'minor' if self._minor else 'major'}",
            "beats": [round(at + LATENCY_S, 4) for at in self.beats],
            "duration_s": self.beats[-1],
        }

    def midi(self) -> bytes:
        """The piece as a MIDI file."""
        return midi_file([*self._accompaniment(), *self._melody()], self._programs, self.beats[-1])

    def _time(self, beat: float) -> float:
        exact = float(np.interp(beat, np.arange(len(self.beats)), self.beats))
        return exact + self._chance.gauss(0, self._jitter_s)

    def _pitch(self, degree: int, octave: int) -> int:
        scale = MINOR if self._minor else MAJOR
        return 12 * (octave + degree // 7) + scale[degree % 7] + self._root

    def _accompaniment(self) -> Iterator[Note]:
        texture, end = self._texture, len(self.beats) - 1
        chain = self._chance.choice(CHAINS)
        lasts = self._chance.choice(texture.chord_beats)
        for beat in range(end):
            degree = chain[beat // lasts % len(chain)]
            chord = [self._pitch(degree + third, 4) for third in (0, 2, 4, 7)]
            walking = texture is TEXTURES["walking bass"]
            if texture.bass and (walking or beat % self._bar == 0):
                step = self._chance.choice((0, 2, 4)) if walking else 0
                yield self._note(beat, 1.0 if walking else self._bar, self._pitch(degree + step, 3), 70)
            for step in texture.steps:
                if texture.parts == 1 and texture.bass and beat % self._bar not in texture.steps:
                    continue
                if not texture.broken and beat % lasts and texture.parts == 1 and not texture.bass:
                    continue
                at, length = beat + step / texture.parts, texture.held / texture.parts
                played = [chord[(beat * texture.parts + step) % 4]] if texture.broken else chord
                for pitch in played:
                    yield self._note(
                        at, length * (lasts if texture.parts == 1 and not texture.bass else 1), pitch, 55
                    )

    def _melody(self) -> Iterator[Note]:
        at, degree, end = 0.0, self._chance.randrange(7), len(self.beats) - 1
        while at < end:
            for length in self._chance.choice(MELODY):
                degree = max(-3, min(10, degree + self._chance.choice((-2, -1, -1, 1, 1, 2, 3, -3))))
                if self._chance.random() < 0.9:
                    yield self._note(at, length, self._pitch(degree, 5), 75, channel=1)
                at += length

    def _note(self, beat: float, beats: float, pitch: int, velocity: int, channel: int = 0) -> Note:
        start = self._time(beat)
        length = max(0.08, self._time(beat + beats) - start)
        accent = 8 if beat % self._bar == 0 else 0
        return Note(start, length, pitch, velocity + accent + self._chance.randrange(-10, 11), channel)


if __name__ == "__main__":
    sys.exit(main())
