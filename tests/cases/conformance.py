"""Compares the tags and facts of every file of a folder with those that two other readers find.

python -m tests.cases.conformance PATH [--json]

The others are tinytag and ffprobe, those of the two that are installed. Exits with 1 if anything differs, for the next person
who meets a strange file; which reader is right is for that person to find out.
"""

import argparse
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from shutil import which
from typing import Any

from tonearm.analysis.decode import open_audio
from tonearm.analysis.tags import read_tags
from tonearm.errors import FileFault
from tonearm.names import printable

Values = Mapping[str, Any]

DURATION_S = 0.1
"""How far durations may be apart, or a thousandth of them."""
YEAR = re.compile(r"(?<!\d)[12]\d{3}")
SEPARATORS = re.compile(r"\s*[;/\0,]\s*")
TAGS = {
    "title": "title",
    "artist": "artist",
    "album": "album",
    "album_artist": "albumartist",
    "genre": "genre",
    "track": "track",
    "disc": "disc",
    "year": "year",
}
"""Our names of the fields, and those of tinytag."""


def tonearm(path: bytes) -> Values:
    """What this program finds; ``fault`` where it can't open a file."""
    with open(path, "rb") as file:
        try:
            tags = read_tags(file)
            with open_audio(file) as source:
                found = {name: getattr(tags, name) for name in TAGS}
                facts = {"sample_rate_hz": source.sound.sample_rate_hz, "channels": source.sound.channels}
                return found | facts | {"duration_s": source.file.declared_s}
        except FileFault as fault:
            return {"fault": fault.fault.code}


def by_tinytag(path: bytes) -> Values | None:
    """What tinytag finds; ``None`` where it can't read a file."""
    tinytag = importlib.import_module("tinytag")
    try:
        tag = tinytag.TinyTag.get(os.fsdecode(path))
    except Exception:  # noqa: BLE001  whatever another reader raises about a file means that it can't read it
        return None
    found = {name: getattr(tag, theirs) for name, theirs in TAGS.items()}
    return found | {"sample_rate_hz": tag.samplerate, "channels": tag.channels, "duration_s": tag.duration}


def by_ffprobe(path: bytes) -> Values | None:
    """What ffprobe finds; ``None`` where it can't read a file."""
    call = [
        "ffprobe",
        "-v",
        "error",
        "-show_format",
        "-show_streams",
        "-select_streams",
        "a:0",
        "-of",
        "json",
    ]
    done = subprocess.run([*call, b"file:" + path], capture_output=True, stdin=subprocess.DEVNULL)
    try:
        told = json.loads(done.stdout.decode("utf-8", "replace"), strict=False)
    except ValueError:  # it ended before its answer did
        return None
    if not told.get("streams"):
        return None
    stream, container = told["streams"][0], told.get("format", {})
    tags = {name.lower(): text for part in (stream, container) for name, text in part.get("tags", {}).items()}
    seconds = stream.get("duration") or container.get("duration")
    return {name: tags.get(name) for name in TAGS} | {
        "disc": tags.get("disc") or tags.get("discnumber"),
        "year": tags.get("date") or tags.get("year"),
        "sample_rate_hz": int(stream["sample_rate"]),
        "channels": stream["channels"],
        "duration_s": float(seconds) if seconds else None,
    }


def readers() -> dict[str, Callable[[bytes], Values | None]]:
    """The other readers that are installed."""
    found: dict[str, Callable[[bytes], Values | None]] = {}
    if importlib.util.find_spec("tinytag") is not None:
        found["tinytag"] = by_tinytag
    if which("ffprobe") is not None:
        found["ffprobe"] = by_ffprobe
    return found


def same(field: str, ours: Any, theirs: Any) -> bool:
    """Whether two values of a field mean the same. Of several values another reader may give the first alone."""
    if theirs in (None, "") or (field in ("track", "disc") and str(theirs).strip() in ("0", "")):
        return True  # it does not know the field, or this form of it
    if ours is None:
        return field == "year" and YEAR.search(str(theirs)) is None
    if field == "duration_s":
        return bool(abs(ours - theirs) <= max(DURATION_S, theirs / 1000))
    if field in ("sample_rate_hz", "channels"):
        return bool(ours == theirs)
    if field in ("track", "disc"):
        number = re.match(r"\s*(\d+)", str(theirs))
        return number is not None and int(number[1]) == ours
    if field == "year":
        year = YEAR.search(str(theirs))
        return year is not None and int(year[0]) == ours
    mine, others = _words(ours), _words(theirs)
    return mine[: len(others)] == others


def _words(text: str) -> list[str]:
    return [word.strip() for word in SEPARATORS.split(str(text)) if word.strip()]


def files(folder: bytes) -> Iterator[bytes]:
    """Every file of a folder, in order; or the one file."""
    if os.path.isfile(folder):
        yield folder
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (os.path.join(place, name) for name in sorted(names))


def compared(path: bytes, others: Mapping[str, Callable[[bytes], Values | None]]) -> Iterator[dict[str, Any]]:
    """Each field of a file that another reader finds otherwise."""
    theirs = {name: found for name, read in others.items() if (found := read(path)) is not None}
    if not theirs:
        return  # no music
    ours = tonearm(path)
    where = {"path": printable(path)}
    if "fault" in ours:
        yield where | {"field": "fault", "tonearm": ours["fault"], **dict.fromkeys(theirs, "read")}
        return
    for field in ours:
        values = {name: found[field] for name, found in theirs.items()}
        if not all(same(field, ours[field], value) for value in values.values()):
            yield where | {"field": field, "tonearm": ours[field], **values}


def main() -> int:
    """Print what differs; 1 if anything does, 2 without another reader."""
    parser = argparse.ArgumentParser(prog="python -m tests.cases.conformance")
    parser.add_argument("path")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = parser.parse_args()
    others = readers()
    if not others:
        print("neither tinytag nor ffprobe is installed", file=sys.stderr)
        return 2
    count = differing = 0
    for path in files(os.fsencode(arguments.path)):
        count += 1
        for difference in compared(path, others):
            differing += 1
            if arguments.json:
                print(json.dumps(difference), flush=True)
            else:
                rest = ", ".join(f"{name}: {value!r}" for name, value in difference.items() if name != "path")
                print(f"{difference['path']}: {rest}", flush=True)
    print(f"{count:,} files, {differing:,} differences, with {' and '.join(others)}", file=sys.stderr)
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main())
