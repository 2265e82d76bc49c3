"""Chooses the files to measure with: some that stand for all, in an order in which any beginning does so too."""

import os
import random
import stat
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tonearm
from tonearm.library.canonical import canonical
from tonearm.library.found_file import FoundFile
from tonearm.names import extension_of
from tonearm.scan.patterns import Patterns
from tonearm.scan.walk import walk

WALK_S = 5.0
"""Seconds after which a walk ends, whatever it has found by then."""
LONG = 4
"""Files larger than so many times the middle one are left out: a measured round would end before they do."""


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file to measure with. ``path``: absolute, on this host."""

    path: bytes
    size: int
    extension: str


def found_below(
    paths: Sequence[bytes], patterns: Patterns, count: int, stopping: Callable[[], bool]
) -> list[SampleFile]:
    """Some of the music below folders, each file as likely as another among those found within ``WALK_S``.

    Raises:
        OSError: a folder can't be read.
    """
    chance = random.Random(0)  # noqa: S311  the same files each time, so that two calls can be compared
    chosen: list[SampleFile] = []
    began = time.monotonic()
    for number, file in enumerate(_walked(paths, patterns)):
        if len(chosen) < count:
            chosen.append(file)
        elif (place := chance.randrange(number + 1)) < count:
            chosen[place] = file
        if time.monotonic() - began > WALK_S or stopping():
            break
    return chosen


def _walked(paths: Sequence[bytes], patterns: Patterns) -> Iterator[SampleFile]:
    for path in map(canonical, paths):
        folder, scope = (path, b"") if os.path.isdir(path) else os.path.split(path)
        for item in walk(folder, scope, patterns):
            if isinstance(item, FoundFile) and item.size:
                yield SampleFile(os.path.join(folder, item.path), item.size, item.extension)


def still_there(paths: Iterable[bytes]) -> list[SampleFile]:
    """The files that exist; the others are left out."""
    found = []
    for path in paths:
        try:
            status = os.stat(path, follow_symlinks=False)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_size:
            found.append(SampleFile(canonical(path), status.st_size, extension_of(path).decode("latin-1")))
    return found


def bundled() -> bytes | None:
    """The folder of the samples that come with the source; ``None`` where it was not installed from there."""
    folder = Path(tonearm.__file__).parents[2] / "samples"
    return os.fsencode(folder) if folder.is_dir() else None


def ordered(files: Sequence[SampleFile]) -> list[SampleFile]:
    """The files in an order of chance, always the same; much larger ones than most are left out."""
    if not files:
        return []
    most = LONG * statistics.median(file.size for file in files)
    kept = [file for file in files if file.size <= most]
    random.Random(0).shuffle(kept)  # noqa: S311  see above
    return kept
