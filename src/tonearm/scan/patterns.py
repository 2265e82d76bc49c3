"""Music file extensions, and the include and exclude patterns."""

import fnmatch
import re
from collections.abc import Sequence

from tonearm.names import extension_of, folders_above, plain_extensions, to_text


class Patterns:
    """What of a folder a scan takes: glob patterns, matched against the name and against the path below the root."""

    def __init__(
        self,
        include: Sequence[str],
        exclude: Sequence[str],
        extensions: Sequence[str],
        ignore_files: bool = True,
        follow_links: bool = False,
    ) -> None:
        """``ignore_files``: whether ``.nomedia`` and ``.tonearmignore`` count. ``follow_links``: symbolic ones."""
        self.given = ([*include], [*exclude], [*extensions], ignore_files, follow_links)
        self.ignore_files = ignore_files
        self.follow_links = follow_links
        self._include = _compiled(include)
        self._exclude = _compiled(exclude)
        self._extensions = plain_extensions(extensions)

    def music(self, name: bytes) -> str:
        """The extension in lower case, if it is a music file extension; else an empty text."""
        return self._extensions.get(extension_of(name), "")

    def wants(self, path: bytes) -> bool:
        """Whether a scan considers this path: it is a music file, and neither it nor a folder above it is excluded."""
        return (
            bool(self.music(path))
            and not self.excludes(path, False)
            and not any(self.excludes(folder, True) for folder in folders_above(path))
        )

    def is_hung(self, _path: bytes, _is_link: bool) -> bool:
        """Whether a path, or what a link leads to, is known not to answer, and must not be touched."""
        return False

    def follow(self, _link: bytes) -> None:
        """Called with a symbolic link before what it leads to is touched, and with an empty path afterwards."""

    def excludes(self, path: bytes, is_folder: bool) -> bool:
        """Whether the patterns exclude this path. ``include`` applies to files only."""
        if self._exclude is None and (is_folder or self._include is None):
            return False
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
