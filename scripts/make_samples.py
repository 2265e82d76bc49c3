"""Makes the bundled sample set: six short pieces of music in six formats, from nothing but arithmetic.

Run it as ``python -m scripts.make_samples`` from the root of the project. The same arguments give the same
music; the encoders' versions decide about the exact bytes.
"""

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests import material

mutagen: Any = import_module("mutagen")  # it carries no types

RATE_HZ = 44_100
MINOR, MAJOR = (0, 3, 7), (0, 4, 7)


@dataclass(frozen=True)
class Piece:
    """One piece. ``chords`` are (semitones above C, triad), a bar each; ``bars`` may hold a change of tempo."""

    title: str
    format: str
    bpm: tuple[float, ...]
    chords: tuple[tuple[int, tuple[int, ...]], ...]
    drums: bool = True
    seconds: float = 20.0


PIECES = (
    Piece("Morning Platform", "vorbis", (124,), ((9, MINOR), (2, MINOR), (4, MAJOR), (9, MINOR))),
    Piece("Harbour Lights", "mp3", (92,), ((2, MAJOR), (7, MAJOR), (9, MAJOR), (2, MAJOR))),
    Piece("Night Freight", "flac", (140,), ((4, MINOR), (9, MINOR), (11, MAJOR), (4, MINOR)), seconds=14),
    Piece("Two Gears", "opus", (100, 125), ((7, MAJOR), (0, MAJOR), (2, MAJOR), (7, MAJOR)), seconds=64),
    Piece("Quarry", "aac", (174,), ((5, MINOR), (1, MAJOR), (8, MAJOR), (0, MAJOR))),
    Piece("Still Water", "wma", (60,), ((3, MAJOR), (8, MAJOR), (10, MAJOR), (3, MAJOR)), drums=False),
)


def render(piece: Piece) -> NDArray[np.float32]:
    """(n, 2) float32: chords that swell and fade, a bass, and drums on the beats."""
    length = round(piece.seconds * RATE_HZ)
    tempo = np.repeat(piece.bpm, -(-length // len(piece.bpm)))[:length]
    beats = np.cumsum(tempo) / 60 / RATE_HZ
    bar = (beats / 4).astype(int)
    time = np.arange(length) / RATE_HZ
    out = np.zeros(length)
    for number, (root, triad) in enumerate(piece.chords):
        here = bar % len(piece.chords) == number
        smooth = np.convolve(here, np.hanning(2205) / np.hanning(2205).sum(), "same")
        for step in (*triad, -12):
            tone = 2 * np.pi * 261.63 * 2 ** ((root + step) / 12) * time
            out += smooth * (np.sin(tone) + 0.3 * np.sin(2 * tone) + 0.1 * np.sin(3 * tone)) * 0.2
    if piece.drums:
        out += drums(beats, tempo)
    wide = np.stack([out, out], axis=1)
    return np.asarray(0.6 * wide / np.abs(wide).max(), np.float32)


def drums(beats: NDArray[np.float64], tempo: NDArray[np.float64]) -> NDArray[np.float64]:
    """A kick on every beat, a snare on every second, a hat between them."""
    noise = np.random.default_rng(1).normal(0, 0.25, len(beats))
    since = (beats % 1) * 60 / tempo
    kick = np.exp(-since / 0.06) * np.sin(2 * np.pi * (50 * since + 4 * (1 - np.exp(-since / 0.02))))
    snare = np.exp(-since / 0.05) * noise * (beats.astype(int) % 2)
    hat = np.exp(-((beats + 0.5) % 1) * 60 / tempo / 0.02) * noise * 0.4
    return np.asarray(0.9 * kick + snare + hat)


def main() -> None:
    """Write the pieces into the folder ``samples``."""
    folder = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "samples")
    os.makedirs(folder, exist_ok=True)
    for number, piece in enumerate(PIECES, 1):
        path = os.path.join(folder, f"{number:02} {piece.title}.{material.FORMATS[piece.format].extension}")
        with open(path, "wb") as file:
            file.write(material.encode(render(piece), piece.format))
        tag(path, piece.title, number)
        sys.stdout.write(f"{os.path.getsize(path):8} {path}\n")


def tag(path: str, title: str, number: int) -> None:
    """Say in the file what it is."""
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    asf = path.endswith(".wma")
    file["Title" if asf else "title"] = title
    file["Author" if asf else "artist"] = "Tonearm"
    file["WM/AlbumTitle" if asf else "album"] = "Sample Set"
    file["WM/TrackNumber" if asf else "tracknumber"] = str(number)
    file.save()


if __name__ == "__main__":
    main()
