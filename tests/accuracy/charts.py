"""Makes a folder with a ``truth.json`` out of a rhythm game's charts: ``python -m tests.accuracy.charts --help``.

Reads StepMania's ``.sm`` and ``.ssc`` and Taiko's ``.tja`` from a git repository, at any commit, and copies the audio
beside them. Only charts of one tempo are taken, since those are exact; a chart that stops or waits is left out.
"""

import argparse
import json
import os
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import av

SAME_TEMPO = 0.01
SHORTEST_S = 20.0
Files = dict[str, str]
"""Object names by lower-case path."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart says of its music: the audio's file name, beats a minute, and the second of one of the beats."""

    audio: str
    bpm: float
    first_s: float


def main() -> int:
    """Copy audio and write ``truth.json``."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.charts", description=__doc__)
    parser.add_argument("repository", help="a git repository, with or without a work tree")
    parser.add_argument("folder", help="where audio and truth.json go")
    parser.add_argument("--commit", default="HEAD")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    rows = list(_rows(options.repository, options.commit, options.folder))
    with open(os.path.join(options.folder, "truth.json"), "w", encoding="utf-8") as out:
        json.dump(rows, out, indent=1)
    print(f"{len(rows)} pieces in {options.folder}")
    return 0


def parse(name: str, text: str) -> Chart | None:
    """The chart in a file of this name; ``None`` where its tempo changes or something is missing."""
    return _tja(text) if name.endswith(".tja") else _stepmania(text)


def _stepmania(text: str) -> Chart | None:
    fields = {
        name: value.strip()
        for name, value in re.findall(r"#([A-Z]+):([^;]*);", text.split("#NOTEDATA", 1)[0])
    }
    tempi = [float(pair.split("=")[1]) for pair in fields.get("BPMS", "").split(",") if "=" in pair]
    waits = any("=" in fields.get(name, "") for name in ("STOPS", "DELAYS", "WARPS"))
    if not tempi or waits or not fields.get("MUSIC") or max(tempi) / min(tempi) > 1 + SAME_TEMPO:
        return None
    return Chart(fields["MUSIC"], tempi[0], -float(fields.get("OFFSET") or 0))


def _tja(text: str) -> Chart | None:
    fields = dict(re.findall(r"^([A-Z]+):(.*?)\s*$", text, re.MULTILINE))
    changes = [float(bpm) for bpm in re.findall(r"#BPMCHANGE\s+([\d.]+)", text)]
    parts = {part for _, part in re.findall(r"#MEASURE\s+(\d+)/(\d+)", text)}
    if not fields.get("BPM") or not fields.get("WAVE") or "#DELAY" in text or parts - {"2", "4"}:
        return None
    bpm = float(fields["BPM"])
    if any(abs(change / bpm - 1) > SAME_TEMPO for change in changes):
        return None
    return Chart(fields["WAVE"], bpm, -float(fields.get("OFFSET") or 0))


def _rows(repository: str, commit: str, folder: str) -> Iterator[dict[str, object]]:
    files, taken = _listing(repository, commit), set[str]()
    for path in sorted(files):
        if not path.endswith((".sm", ".ssc", ".tja")):
            continue
        chart = parse(path, _object(repository, files[path]).decode("utf-8-sig", "replace"))
        sound = files.get(posixpath.join(posixpath.dirname(path), chart.audio.lower())) if chart else None
        audio = _object(repository, sound) if sound and sound not in taken else b""
        if not chart or not sound or not audio:
            continue
        taken.add(sound)
        name = f"{len(taken):03}{posixpath.splitext(chart.audio)[1].lower()}"
        with open(os.path.join(folder, name), "wb") as out:
            out.write(audio)
        yield from _row(os.path.join(folder, name), chart)


def _row(path: str, chart: Chart) -> Iterator[dict[str, object]]:
    try:
        with av.open(path) as container:
            seconds = float(container.duration or 0) / av.time_base
    except av.FFmpegError:
        return
    period = 60 / chart.bpm
    first = chart.first_s % period
    if seconds >= SHORTEST_S:
        beats = [round(first + number * period, 4) for number in range(int((seconds - first) / period))]
        name = os.path.basename(path)
        yield {
            "id": name.partition(".")[0],
            "file": name,
            "set": "real",
            "style": "game",
            "bpm": chart.bpm,
            "key": None,
            "beats": beats,
            "duration_s": seconds,
            "fixed": True,
        }


def _listing(repository: str, commit: str) -> Files:
    found = {}
    for line in _git(repository, "ls-tree", "-r", "-z", commit).split(b"\0")[:-1]:
        about, _, path = line.partition(b"\t")
        found[path.decode("utf-8", "replace").lower()] = about.split()[2].decode()
    return found


def _object(repository: str, name: str) -> bytes:
    return _git(repository, "cat-file", "blob", name)


def _git(repository: str, *arguments: str) -> bytes:
    """The output of a git command; nothing where it fails, as for an object that a partial clone lacks."""
    return subprocess.run(["git", "-C", repository, *arguments], capture_output=True, check=False).stdout


if __name__ == "__main__":
    sys.exit(main())
