"""Which names are music, and which a person wants left out."""

import fnmatch
import os
import re
from collections.abc import Sequence

from tonearm.names import to_text


class Patterns:
    """Glob patterns, matched against the name and against the path below the root."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str], extensions: Sequence[str]) -> None:
        self._include = _compiled(include)
        self._exclude = _compiled(exclude)
        self._extensions = {extension.lower().lstrip(".").encode() for extension in extensions}

    def music(self, name: bytes) -> str:
        """The lower-case extension of a music file's name, or an empty text."""
        extension = os.path.splitext(name)[1][1:].lower()
        return extension.decode() if extension in self._extensions else ""

    def wants(self, path: bytes) -> bool:
        """Whether a file at this path would be met: neither it nor a folder above it is left out."""
        folders = [path[:end] for end, sign in enumerate(path) if sign == ord("/")]
        return (
            bool(self.music(path))
            and not self.leaves_out(path, False)
            and not any(self.leaves_out(folder, True) for folder in folders)
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


def _compiled(globs: Sequence[str]) -> re.Pattern[str] | None:
    if not globs:
        return None
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in globs))
