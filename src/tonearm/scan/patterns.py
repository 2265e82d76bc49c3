"""Music file extensions, and the include and exclude patterns."""

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
"""Extensions of music formats that are not supported, and the names of the formats."""


class Patterns:
    """Glob patterns, matched against the name and against the path below the root."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str], extensions: Sequence[str]) -> None:
        self._include = _compiled(include)
        self._exclude = _compiled(exclude)
        self._extensions = {extension.lower().lstrip(".").encode() for extension in extensions}

    def music(self, name: bytes) -> str:
        """The extension in lower case, if it is a music file extension; else an empty text."""
        extension = extension_of(name)
        return extension.decode() if extension in self._extensions else ""

    def other_music(self, name: bytes) -> str:
        """The format, if the extension is that of a music format that is not supported; else an empty text."""
        return "" if self.music(name) else OTHER_MUSIC.get(extension_of(name).decode("latin-1"), "")

    def wants(self, path: bytes) -> bool:
        """Whether a scan considers this path: it is a music file, and neither it nor a folder above it is excluded."""
        return (
            bool(self.music(path))
            and not self.excludes(path, False)
            and not any(self.excludes(folder, True) for folder in folders_above(path))
        )

    def excludes(self, path: bytes, is_folder: bool) -> bool:
        """Whether the patterns exclude this path. ``include`` applies to files only."""
        text = to_text(path)
        name = text.rpartition("/")[2]
        if self._exclude and (self._exclude.match(name) or self._exclude.match(text)):
            return True
        if is_folder or self._include is None:
            return False
        return not (self._include.match(name) or self._include.match(text))


def extension_of(name: bytes) -> bytes:
    """The end of a name after its last dot, in lower case; empty where there is none."""
    return os.path.splitext(name)[1][1:].lower()


def _compiled(globs: Sequence[str]) -> re.Pattern[str] | None:
    if not globs:
        return None
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in globs))
