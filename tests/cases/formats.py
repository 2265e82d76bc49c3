"""Encodes tracks in every format that fewer people have, and holds what is found against the FLAC of the same track.

python -m tests.cases.formats FOLDER [--seconds N] [--tracks N] [--record]

FOLDER holds FLAC files. Each is encoded by ffmpeg and by other programs that are installed, DSF and DSDIFF by a writer of the
tests' own. Key, tempo, loudness, length and tags must be those of the FLAC; Speex, which has half the bandwidth, is held
against the file that ffmpeg decodes it to. Then each file is cut at ten places, and what is missing must be told.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests import material
from tests.cases.dsd import TIMES, second_order
from tests.performance.results import record
from tests.program import Program
from tests.tag_bytes import ape, frame, id3v2, text
from tonearm.analysis.decode import open_audio
from tonearm.errors import FileFault
from tonearm.library.completeness import is_complete

RESULTS = Path(__file__).with_name("results")
SHORT_S = 10.0
"""Seconds of what is cut."""
TOLERATED_S = 0.3
TEMPO, LOUDNESS_LU, LENGTH_S = 0.005, 0.3, 0.1


@dataclass(frozen=True)
class Encoding:
    """How a format is made. arguments: of ffmpeg. tag: how its tags are written; of the container, APEv2 or ID3v2.

    programs: what must be installed; the first makes the file. declares: whether its header tells its length.
    """

    ending: str
    arguments: tuple[str, ...] = ()
    tag: str = "container"
    programs: tuple[str, ...] = ("ffmpeg",)
    declares: bool = True


ENCODINGS = {
    "flac": Encoding("flac", ("-c:a", "flac")),
    "wavpack": Encoding("wv", ("-c:a", "wavpack"), "ape"),
    "tta": Encoding("tta", ("-c:a", "tta"), "ape"),
    "musepack": Encoding("mpc", ("--silent", "--overwrite"), "ape", ("mpcenc",)),
    "dsf": Encoding("dsf", tag="id3", programs=()),
    "dff": Encoding("dff", tag="id3", programs=()),
    "speex": Encoding("spx", ("-c:a", "libspeex", "-ar", "32000", "-ac", "1")),
    "raw-aac": Encoding("aac", ("-c:a", "aac", "-b:a", "192k"), "id3 first", declares=False),
    "ac3": Encoding("ac3", ("-c:a", "ac3", "-b:a", "256k"), "ape", declares=False),
    "eac3": Encoding("eac3", ("-c:a", "eac3", "-b:a", "256k"), "ape", declares=False),
    "mp2": Encoding("mp2", ("-c:a", "mp2", "-b:a", "256k"), "id3 first", declares=False),
    "au": Encoding("au", ("-c:a", "pcm_s16be"), "id3 first"),
    "caf": Encoding("caf", ("-c:a", "pcm_s16le")),
    "mp4": Encoding("mp4", ("-c:a", "aac", "-b:a", "192k")),
    "m4b": Encoding("m4b", ("-c:a", "aac", "-b:a", "192k", "-f", "ipod")),
    "mka-flac": Encoding("mka", ("-c:a", "flac")),
    "mka-vorbis": Encoding("mka", ("-c:a", "libvorbis", "-q:a", "7")),
    "webm": Encoding("webm", ("-c:a", "libopus", "-b:a", "160k")),
    "oga": Encoding("oga", ("-c:a", "libvorbis", "-q:a", "7")),
    "wave": Encoding("wave", ("-c:a", "pcm_s16le", "-f", "wav")),
}
TAGS: dict[str, Any] = {
    "title": "Größe ☃",
    "artist": "A band",
    "album": "An album",
    "year": 1999,
    "genre": "Rock",
    "track": 3,
}


def samples_of(flac: Path, seconds: float | None) -> tuple[material.Float32, int]:
    """The beginning of a track, and its rate."""
    with open(flac, "rb") as file, open_audio(file) as source:
        rate, wanted = source.sound.sample_rate_hz, None
        wanted = round(seconds * rate) if seconds else None
        pieces, held = [], 0
        for piece in source.samples():
            pieces.append(piece)
            held += len(piece)
            if wanted is not None and held >= wanted:
                break
    return np.concatenate(pieces)[:wanted], rate


@dataclass(frozen=True)
class Source:
    """A track as it is to be encoded: as a WAV file, as samples, and as DSD."""

    wav: Path
    music: material.Float32
    rate_hz: int
    bits: NDArray[np.uint8]

    def first(self, seconds: float) -> "Source":
        """Its beginning, in the same place."""
        count = round(seconds * self.rate_hz)
        return written(self.wav, self.music[:count], self.rate_hz, self.bits[: count * TIMES])


def written(wav: Path, music: material.Float32, rate_hz: int, bits: NDArray[np.uint8]) -> Source:
    """A track whose WAV file is written now."""
    wav.write_bytes(material.wav(material.int16(np.clip(music, -1, 1)), rate_hz))
    return Source(wav, music, rate_hz, bits)


def encoded(name: str, source: Source, folder: Path) -> bytes | None:
    """A track in a format, with tags; ``None`` without the programs that it needs."""
    form = ENCODINGS[name]
    if any(which(program) is None for program in form.programs):
        return None
    made = folder / f"made.{form.ending}"
    if name in ("dsf", "dff"):
        write = material.dsf if name == "dsf" else material.dff
        return write(source.music, source.rate_hz, _id3(), source.bits)
    call = [form.programs[0], *form.arguments, str(source.wav), str(made)]
    if form.programs[0] == "ffmpeg":
        told = {
            "title": TAGS["title"],
            "artist": TAGS["artist"],
            "album": TAGS["album"],
            "date": "1999-05",
            "genre": "Rock",
            "track": "3",
        }
        tags = [word for key, value in told.items() for word in ("-metadata", f"{key}={value}")]
        plain = [] if form.tag == "container" else ["-map_metadata", "-1"]
        call = [
            "ffmpeg",
            "-nostdin",
            "-v",
            "error",
            "-y",
            "-i",
            str(source.wav),
            *(plain or tags),
            *form.arguments,
            str(made),
        ]
    if subprocess.run(call, capture_output=True).returncode:
        return None
    data = made.read_bytes()
    if form.tag == "ape":
        return data + ape(
            [
                ("Title", TAGS["title"].encode()),
                ("Artist", b"A band"),
                ("Album", b"An album"),
                ("Year", b"1999-05"),
                ("Genre", b"Rock"),
                ("Track", b"3"),
            ]
        )
    return _id3() + data if form.tag == "id3 first" else data


def _id3() -> bytes:
    frames = {
        "TIT2": TAGS["title"],
        "TPE1": "A band",
        "TALB": "An album",
        "TDRC": "1999-05",
        "TCON": "Rock",
        "TRCK": "3",
    }
    return id3v2(*[frame(kind, text(str(words))) for kind, words in frames.items()])


def unlike(name: str, track: dict[str, Any], right: dict[str, Any]) -> Iterator[str]:
    """How a track differs from the one that it was made of, a phrase each."""
    if track["state"] != "done":
        yield f"it is {track['state']}: {track['warnings']}"
        return
    if track["key"] != right["key"]:
        yield f"key {track['key']} instead of {right['key']}"
    if (track["bpm"] is None) != (right["bpm"] is None) or (
        right["bpm"] and abs(track["bpm"] / right["bpm"] - 1) > TEMPO
    ):
        yield f"{track['bpm']} instead of {right['bpm']} BPM"
    if abs((track["loudness_lufs"] or -70) - (right["loudness_lufs"] or -70)) > LOUDNESS_LU:
        yield f"{track['loudness_lufs']} instead of {right['loudness_lufs']} LUFS"
    if abs(track["decoded_s"] - right["decoded_s"]) > LENGTH_S:
        yield f"{track['decoded_s']:.2f} instead of {right['decoded_s']:.2f} s"
    for field, value in TAGS.items():
        if name != "reference" and track[field] != value:
            yield f"{field} is {track[field]!r}"


def told(data: bytes, whole_s: float) -> bool | None:
    """Whether it is told that the end of a file is missing; ``None`` where hardly anything is missing."""
    try:
        with open_audio(io.BytesIO(data)) as source:
            for _ in source.samples():
                pass
            if not is_complete(source.file, source.report.facts) or source.file.remarks:
                return True
            return None if source.report.facts.decoded_s > whole_s - TOLERATED_S else False
    except FileFault:
        return True


def main() -> int:
    """Run, print a table, and return 1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.cases.formats")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, help="analyse so much of each track; all by default")
    parser.add_argument("--tracks", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2, help="tracks at the same time")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    flacs = sorted(arguments.folder.glob("*.flac"))[: arguments.tracks]
    rows = _no_rows()
    wrong = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for flac, found in zip(
            flacs, pool.map(lambda flac: _tried(flac, arguments.seconds), flacs), strict=True
        ):
            for name, counts in found[0].items():
                rows[name] = {column: value + counts[column] for column, value in rows[name].items()}
            for name, sentence in found[1]:
                wrong.append(f"{name}, {flac.name}: {sentence}")
                print(wrong[-1], flush=True)
            print(f"tried {flac.name}", file=sys.stderr, flush=True)
    for name, row in rows.items():
        print(f"{name:12}" + "".join(f"{value:>8} {column}" for column, value in row.items()))
    if arguments.record:
        command = f"python -m tests.cases.formats MUSIC --seconds {arguments.seconds} --tracks {len(flacs)}"
        record("formats", command, {**rows, "what differs": wrong or ["nothing"]}, RESULTS)
    return int(bool(wrong))


def _tried(flac: Path, seconds: float | None) -> tuple[dict[str, dict[str, int]], list[tuple[str, str]]]:
    """The counts of one track, and what is wrong, by format."""
    rows = _no_rows()
    with tempfile.TemporaryDirectory() as place:
        return rows, list(_track(flac, Path(place), seconds, rows))


def _no_rows() -> dict[str, dict[str, int]]:
    columns = ("tracks", "unlike the FLAC", "cut", "told")
    return {name: dict.fromkeys(columns, 0) for name in ENCODINGS if name != "flac"}


def _track(
    flac: Path, place: Path, seconds: float | None, rows: dict[str, dict[str, int]]
) -> Iterator[tuple[str, str]]:
    """Try all formats on one track; yields what is wrong, by format."""
    music, rate = samples_of(flac, seconds)
    source = written(place / "in.wav", music, rate, second_order(music))
    folder = place / "music"
    folder.mkdir()
    for name in ENCODINGS:
        if (data := encoded(name, source, place)) is not None:
            (folder / f"{name}.{ENCODINGS[name].ending}").write_bytes(data)
    spoken = folder / "speex.spx"
    if spoken.exists():
        call = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(spoken), str(folder / "reference.wav")]
        subprocess.run(call, check=True, capture_output=True)
    with Program(
        place / "data",
        TONEARM_EXTENSIONS=json.dumps(sorted({each.ending for each in ENCODINGS.values()} | {"wav"})),
    ) as program:
        program.run("analyze", folder, timeout=3000)
        tracks = {
            os.path.basename(path).rpartition(".")[0]: track
            for path, track in program.tracks("--full").items()
        }
    for name, row in rows.items():
        if name in tracks:
            row["tracks"] += 1
            found = list(unlike(name, tracks[name], tracks["reference" if name == "speex" else "flac"]))
            row["unlike the FLAC"] += bool(found)
            yield from ((name, sentence) for sentence in found)
    short = source.first(SHORT_S)
    for name in rows:
        data = encoded(name, short, place)
        if data is None:
            continue
        for number in range(1, 11):
            at = len(data) * number // 11
            found_out = told(data[:at], len(short.music) / rate)
            if found_out is not None:
                rows[name]["cut"] += 1
                rows[name]["told"] += found_out
            if found_out is False and ENCODINGS[name].declares:
                yield name, f"cut at {at:,} of {len(data):,} bytes without a word"


if __name__ == "__main__":
    sys.exit(main())
