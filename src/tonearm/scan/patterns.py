"""Which names are music, and which a person wants left out."""

import fnmatch
import os
import re
from collections.abc import Sequence

from tonearm.names import folders_above, to_text

OTHER_MUSIC = {
    "aac": "AAC without a container",
    "ape": "Monkey's Audio",
    "caf": "Core Audio",
    "dff": "DSD",
    "dsf": "DSD",
    "mka": "Matroska",
    "mpc": "Musepack",
    "ofr": "OptimFROG",
    "tak": "TAK",
    "tta": "True Audio",
    "w64": "Wave64",
    "wv": "WavPack",
}
"""Endings of music that is not read here, and the format that they stand for."""


class Patterns:
    """Glob patterns, matched against the name and against the path below the root."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str], extensions: Sequence[str]) -> None:
        self._include = _compiled(include)
        self._exclude = _compiled(exclude)
        self._extensions = {extension.lower().lstrip(".").encode() for extension in extensions}

    def music(self, name: bytes) -> str:
        """The lower-case extension of a music file's name, or an empty text."""
        extension = _ending(name)
        return extension.decode() if extension in self._extensions else ""

    def other_music(self, name: bytes) -> str:
        """The format that a name's ending stands for, where it is music that is not read here; else an empty text."""
        return "" if self.music(name) else OTHER_MUSIC.get(_ending(name).decode("latin-1"), "")

    def wants(self, path: bytes) -> bool:
        """Whether a file at this path would be met: neither it nor a folder above it is left out."""
        return (
            bool(self.music(path))
            and not self.leaves_out(path, False)
            and not any(self.leaves_out(folder, True) for folder in folders_above(path))
        )

    def leaves_out(self, path: bytes, is_folder: bool) -> bool:
        """Whether a person's patterns leave this out; ``include`` judges files only."""
        text = to_text(path)
        name = text.rpartition("/")[2]
        if self._exclude and (self._exclude.match(name) or self._exclude.match(text)):
            return True
        if is_folder or self._include is None:
            return False
        return not (self._include.match(name) or self._include.match(text))


def _ending(name: bytes) -> bytes:
    return os.path.splitext(name)[1][1:].lower()


def _compiled(globs: Sequence[str]) -> re.Pattern[str] | None:
    if not globs:
        return None
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in globs))
