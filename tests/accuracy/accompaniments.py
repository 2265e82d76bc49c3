"""Renders accompaniments in many styles, tempi and keys: ``python -m tests.accuracy.accompaniments --help``.

Needs the programs ``mma`` and ``fluidsynth`` and soundfonts; the styles are those of MMA's library, two pieces of each.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import av

SEED = 5
EACH = 2
SECONDS = 34
LATENCY_S = 0.022
"""From a note in the MIDI file to its sound."""

COMPOUND = 6
"""The beat of a bar of six eighths is three of them."""

LEFT_OUT = ("metronome", "none", "jazz-54")
ROOTS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

PROGRESSIONS = {
    "major": (
        "C Am F G7",
        "C F C G7",
        "C G Am F",
        "C C7 F Fm C G7 C G7",
        "Dm7 G7 CM7 CM7",
        "C Em F G",
    ),
    "minor": (
        "Cm Fm G7 Cm",
        "Cm Ab Eb Bb",
        "Cm Bb Ab G7",
        "Cm Fm Bb7 EbM7 AbM7 Dm7b5 G7 Cm",
        "Cm Gm Ab Bb",
    ),
}
"""In C; transposed to all roots."""

TEMPI = (
    "slowbroadway 70 95, slowbolero 60 85, slowcountry 70 100, slowspirit 60 85, slowjazz 60 90, slowblues 60 85, "
    "slow 60 90, ballad68 55 75, blues68 60 90, arpeggio68 55 80, ballad128 55 75, blues128 60 85, rock-128 70 110, "
    "ballad 60 90, 68march 110 125, 68swing 90 130, vienese 150 190, fastwaltz 160 200, fastjazzwaltz 160 200, "
    "countrywaltz 85 120, frenchwaltz 140 190, jazzwaltz 110 170, broadwaywaltz 100 150, rockwaltz 90 130, "
    "waltz 85 130, fastswing 190 230, fastblues 150 200, bebop 180 225, quickstep 190 210, bluegrass 105 135, "
    "polka 105 130, ragtime 80 100, dixiemarch 100 125, dixie 160 210, jive 160 180, twist 140 170, ska 130 160, "
    "trance 125 145, salsa 85 105, mambo 90 110, son 80 100, merengue 120 140, samba 95 110, bossa 110 150, "
    "chacha 105 125, rhumba 95 125, tango 110 130, beguine 100 125, bolero 80 100, calypso 95 120, cuban 90 115, "
    "foxtrot 110 135, swing 120 180, bigband 120 180, charleston 180 220, shuffle 110 150, boggie 130 170, "
    "50s 110 160, 60s 110 150, hymn 70 100, lullaby 70 95, march 105 125, 8beat 90 130, rb 75 110, dsoul 90 115, "
    "folk 90 130, popspirit 80 120, spirit 80 110, zydeco 110 140, rock 100 145, blues 90 130, country 95 130, "
    "jazz 110 170, gypsy 160 210, desert 85 110, evansish 90 140"
)
"""A word in a style's file name, and the slowest and the fastest tempo at which it is played; the first that fits."""

OTHER_TEMPI = (85.0, 130.0)


@dataclass(frozen=True, slots=True)
class Style:
    """A file of MMA's library: the grooves in it that can go on for long, and beats a bar as it counts them."""

    name: str
    grooves: tuple[str, ...]
    meter: int


def main() -> int:
    """Write the audio and ``truth.json``."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.accompaniments", description=__doc__)
    parser.add_argument("folder", help="where audio and truth.json go")
    parser.add_argument("--styles", default="/usr/share/mma/lib/stdlib", help="MMA's styles")
    parser.add_argument("--soundfont", action="append", required=True, help="used in turn")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    rows = list(_rows(options.folder, options.styles, options.soundfont))
    with open(os.path.join(options.folder, "truth.json"), "w", encoding="utf-8") as out:
        json.dump(rows, out, indent=1)
    print(f"{len(rows)} pieces in {options.folder}")
    return 0


def _rows(folder: str, styles: str, fonts: list[str]) -> Iterator[dict[str, object]]:
    chance = random.Random(SEED)
    number = 0
    for style in _styles(styles):
        for _ in range(EACH):
            name = f"mma_{number:03d}"
            number += 1
            row, text = _piece(style, chance)
            if _render(os.path.join(folder, name), text, fonts[number % len(fonts)]):
                yield {"id": name, "file": f"{name}.wav", **row}


def _styles(folder: str) -> Iterator[Style]:
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".mma") or file.startswith(LEFT_OUT):
            continue
        with open(os.path.join(folder, file), encoding="utf-8", errors="replace") as held:
            text = held.read()
        grooves = re.findall(r"^\s*DefGroove\s+(\S+)", text, re.M | re.I)
        grooves = [name for name in grooves if not re.search(r"intro|end|fill|break|solo$", name, re.I)]
        meter = re.search(r"^Time\s+(\d+)", text, re.M | re.I)
        if grooves:
            yield Style(file[:-4], tuple(grooves), int(meter[1]) if meter else 4)


def _piece(style: Style, chance: random.Random) -> tuple[dict[str, object], str]:
    """A row of ``truth.json`` without its name, and the piece for MMA, which plays at whole tempi only."""
    groove, mode = chance.choice(style.grooves), chance.choice(("major", "major", "minor"))
    root = chance.randrange(12)
    chords = chance.choice(PROGRESSIONS[mode]).split()
    wanted = chance.uniform(*_tempi(style.name))
    parts = 3 if style.meter == COMPOUND else 1
    played = int(wanted * parts)
    bars = int(SECONDS * wanted / 60 / (style.meter / parts))
    count = int(bars * style.meter / parts)
    beat_s = 60 * parts / played
    lines = [f"{bar + 1} {transposed(chords[bar % len(chords)], root)}\n" for bar in range(bars)]
    row = {
        "set": "synth",
        "style": style.name,
        "bpm": 60 / beat_s,
        "key": f"{ROOTS[root]} {mode}",
        "beats": [round(LATENCY_S + beat * beat_s, 4) for beat in range(count)],
        "duration_s": count * beat_s,
    }
    return row, f"Tempo {played}\nTime {style.meter}\nGroove {groove}\n" + "".join(lines)


def _tempi(style: str) -> tuple[float, float]:
    for entry in TEMPI.split(", "):
        word, slowest, fastest = entry.split()
        if word in style:
            return float(slowest), float(fastest)
    return OTHER_TEMPI


def transposed(chord: str, root: int) -> str:
    """A chord written for C, in the key of another root."""
    natural, accidental, kind = chord[0], chord[1:2], chord[2:]
    shift = {"b": -1, "#": 1}.get(accidental)
    if shift is None:
        shift, kind = 0, chord[1:]
    return ROOTS[(NATURALS[natural] + shift + root) % 12] + kind


def _render(path: str, text: str, font: str) -> bool:
    """Write ``path``.wav; ``False`` where a program refuses."""
    with open(f"{path}.mma", "w", encoding="utf-8") as out:
        out.write(text)
    played = subprocess.run(["mma", "-f", f"{path}.mid", f"{path}.mma"], capture_output=True, check=False)
    sound = ["fluidsynth", "-ni", "-g", "0.6", "-r", "44100", "-F", f"{path}.wav", font, f"{path}.mid"]
    if played.returncode or subprocess.run(sound, capture_output=True, check=False).returncode:
        return False
    with av.open(f"{path}.wav") as audio:
        return bool(audio.duration)


if __name__ == "__main__":
    sys.exit(main())
