"""Writes tags into copies of files, and has two other readers look: ``python -m tests.cases.written [FOLDER]``.

Takes the files below a folder and, without one, those of the table of cases. Each gets every tag that Tonearm writes. Then
mutagen and ffprobe must see the new texts, where they read that kind of tag at all, and every other tag as before; FFmpeg must
decode the same samples; and the inverse must give the old file again. Prints what differs, and how many files of each form
were written or refused. Where a difference is the fault of a reader, ``tests.cases.readers`` says why, and proves from the
bytes that all is as it should be; with any other one the exit status is 1. --record: write the numbers to
results/written.json. Needs ffmpeg and ffprobe.
"""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import mutagen
from mutagen.mp4 import MP4

from tests.cases.readers import EXPLAINED
from tests.cases.table import CASES
from tests.performance.results import record
from tonearm.naming.splices import inverse, spliced
from tonearm.tagging.fields import FIELDS, Family, Spelling
from tonearm.tagging.form import Unwritable
from tonearm.tagging.forms import form_of
from tonearm.views.track import Track

RESULTS = {
    "bpm": 127.96,
    "key": "C# minor",
    "replaygain_track_gain_db": -7.5,
    "replaygain_track_peak": 0.988553,
    "loudness_lufs": -10.5,
    "album_loudness_lufs": -11.25,
    "album_peak": 1.000001,
    "energy": 0.72,
}
READ_BY_FFPROBE = (Family.VORBIS, Family.OPUS, Family.ID3, Family.ASF)
"""Of MP4 it reads its own choice of items, of WAV no ID3 where there is a list of texts too."""
BY_FFPROBE = {"TIT1": ("GROUPING", "TT1"), "TBPM": ("TBPM", "TBP"), "TKEY": ("TKEY", "TKE")}
"""What it calls a tag otherwise, in ID3v2.2 by the names of that version."""
RESULTS_FOLDER = Path(__file__).parent / "results"


UNEXPLAINED, OF_A_READER = "files with differences", "files with differences that are a reader's fault"


def wanted(family: Family) -> dict[str, list[str]]:
    """All texts that are written into tags of a form."""
    fields: dict[str, Any] = dict.fromkeys(Track.__dataclass_fields__)
    track = Track(**(fields | {"id": 1, "path": b"", "state": "done", "results": RESULTS, "stale": {}}))
    found = {name: made(track, Spelling()) for field in FIELDS.values() for name, made in field.names[family]}
    return {name: [text] for name, text in found.items() if text is not None}


def by_mutagen(path: Path, family: Family) -> dict[str, str] | str:
    """Every tag as mutagen reads it, or why it can't. It knows MP4 by a beginning that some files lack, so it is told."""
    try:
        read: Any = MP4 if family is Family.MP4 else mutagen.File
        opened: Any = read(path)
    except Exception as error:  # noqa: BLE001  mutagen raises many kinds on damaged files
        return str(error)
    return {
        str(key).upper(): _plain(value) for key, value in dict(getattr(opened, "tags", None) or {}).items()
    }


def _plain(value: Any) -> str:
    return str(value.text) if hasattr(value, "text") else repr(value)


def by_ffprobe(path: Path) -> dict[str, str]:
    """Every tag of the file and of its streams as ffprobe reads it."""
    call = ("ffprobe", "-v", "quiet", "-of", "json", "-show_entries", "format_tags:stream_tags", path)
    found = json.loads(subprocess.run(call, capture_output=True, check=False).stdout or "{}")
    parts = [found.get("format", {}), *found.get("streams", [])]
    return {name.upper(): text for part in parts for name, text in part.get("tags", {}).items()}


def samples(path: Path) -> str:
    """A digest of what FFmpeg decodes. It is a process of its own: on some damaged files it is ended by a signal."""
    options = ("-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "hash", "-")
    call = ("ffmpeg", "-v", "quiet", "-nostdin", "-i", path, *options)
    return subprocess.run(call, capture_output=True, check=False).stdout.decode()


def differences(path: Path, name: str = "") -> tuple[str, list[str], str | None]:
    """The form of a file or why it is refused, what is wrong after writing, and why a reader is to blame for it.

    The file is changed. ``name``: of its case.
    """
    data = path.read_bytes()
    try:
        family, form = form_of(io.BytesIO(data), len(data))
        texts = wanted(family)
        splices = form.splices(texts)
    except Unwritable as error:
        return f"refused: {error.code}", [], None
    new = b"".join(spliced(io.BytesIO(data).read, splices))
    wrong = []
    if b"".join(spliced(io.BytesIO(new).read, inverse(splices))) != data:
        wrong.append("the inverse gives another file")
    before = by_mutagen(path, family), by_ffprobe(path), samples(path)
    path.write_bytes(new)
    after = by_mutagen(path, family), by_ffprobe(path), samples(path)
    is_read = family in READ_BY_FFPROBE and path.suffix.lower() != ".wav"
    wrong += _unseen(texts, after[0], after[1] if is_read else {})
    names = {name.upper() for name in texts} | {name.rpartition(":")[2].upper() for name in texts}
    names |= {*sum(BY_FFPROBE.values(), ()), "GRP"}
    for reader, old, now in zip(("mutagen", "ffprobe"), before, after, strict=False):
        if isinstance(old, str) or isinstance(now, str):
            wrong += [f"{reader} can't read it any more: {now}"] if not isinstance(old, str) else []
        else:
            wrong += [f"{reader}: {line}" for line in _changed(old, now, names)]
    if before[2] != after[2]:
        wrong.append("other samples")
    known = EXPLAINED.get(name)
    is_proven = (
        known is not None
        and all(line.startswith(known.reader) for line in wrong)
        and known.proves(data, new, texts)
    )
    return family.value, wrong, known.reason if known is not None and is_proven else None


def _unseen(
    texts: Mapping[str, Sequence[str]], ours: Mapping[str, str] | str, theirs: Mapping[str, str]
) -> Iterator[str]:
    for name, (text,) in texts.items():
        if isinstance(ours, dict) and text not in ours.get(name.upper(), ""):
            yield f"mutagen sees {ours.get(name.upper())} as {name}"
        plain = BY_FFPROBE.get(name, (name.rpartition(":")[2].upper(),))
        if theirs and text not in (seen := [theirs.get(each) for each in plain]):
            yield f"ffprobe sees {seen[0]} as {name}"


def _changed(old: Mapping[str, str], now: Mapping[str, str], ours: set[str]) -> Iterator[str]:
    for name in (old.keys() | now.keys()) - ours:
        if old.get(name) != now.get(name):
            yield f"{name} is {now.get(name)!r:.80} instead of {old.get(name)!r:.80}"


def files(folder: Path | None, work: Path) -> Iterator[tuple[str, Path]]:
    """Name and copy of each file."""
    if folder is None:
        for case in CASES:
            copy = work / f"case{Path(case.name).suffix}"
            copy.write_bytes(case.make())
            yield case.path, copy
        return
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            source = Path(place) / name
            copy = work / f"copy{source.suffix}"
            copy.write_bytes(source.read_bytes())
            yield str(source), copy


def main() -> int:
    """Print what differs; 1 if anything does."""
    parser = argparse.ArgumentParser(description="Tags are written, and other readers look at them.")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    if shutil.which("ffprobe") is None or shutil.which("ffmpeg") is None:
        parser.error("needs ffmpeg and ffprobe")
    count = Counter({UNEXPLAINED: 0, OF_A_READER: 0})
    with tempfile.TemporaryDirectory() as work:
        for name, copy in files(options.folder, Path(work)):
            form, wrong, reason = differences(copy, name)
            count[form] += 1
            if wrong:
                count[UNEXPLAINED if reason is None else OF_A_READER] += 1
            for line in wrong:
                print(f"{name}: {line}{f' (explained: {reason})' if reason else ''}", flush=True)
    for form, number in sorted(count.items()):
        print(f"{form}: {number}")
    if options.record:
        record("written", "python -m tests.cases.written", count, RESULTS_FOLDER)
    return 1 if count[UNEXPLAINED] else 0


if __name__ == "__main__":
    sys.exit(main())
