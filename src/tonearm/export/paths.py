"""Where another program finds a file: paths with another beginning, as URL, and in the form of Traktor."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from tonearm.names import to_bytes

VOLUME = "Macintosh HD"
"""The name that Traktor gives the disk of a Mac that the system is on, unless its user has renamed it."""


class Renaming:
    """Replaces the beginning of paths: the other program may find the same folders elsewhere."""

    def __init__(self, pairs: Sequence[str]) -> None:
        """``pairs``: ``FROM=TO``. Raises ValueError."""
        self._pairs: list[tuple[bytes, bytes]] = []
        for pair in pairs:
            begin, sign, other = pair.partition("=")
            if not sign or not begin.startswith("/") or not other:
                raise ValueError(f"{pair!r} is not FROM=TO such as /music=C:/Music")
            self._pairs.append(
                (to_bytes(begin).rstrip(b"/"), to_bytes(other).replace(b"\\", b"/").rstrip(b"/"))
            )
        self._pairs.sort(key=lambda pair: -len(pair[0]))

    def __call__(self, path: bytes) -> bytes:
        """The path that the other program knows."""
        for begin, other in self._pairs:
            if path == begin or path.startswith(begin + b"/"):
                return other + path[len(begin) :]
        return path


def file_url(path: bytes) -> str:
    """A path as the URL that Rekordbox writes; a drive letter stays readable."""
    plain = path.removeprefix(b"/")
    drive, rest = (plain[:2], plain[2:]) if plain[1:2] == b":" else (b"", plain)
    return f"file://localhost/{drive.decode('ascii', 'replace')}{quote(rest, safe='/')}"


@dataclass(frozen=True, slots=True)
class TraktorPlace:
    """A path in the form of Traktor: the volume, the folders as ``/:a/:b/:``, and the name."""

    volume: str
    folders: str
    name: str

    @property
    def key(self) -> str:
        """How playlists name it."""
        return f"{self.volume}{self.folders}{self.name}"


def traktor_place(path: str) -> TraktorPlace:
    """A path of Windows or macOS in the form of Traktor."""
    *folders, name = path.strip("/").split("/")
    volume = VOLUME
    if path[1:2] == ":":
        volume, *folders = folders or [path[:2]]
    elif folders[:1] == ["Volumes"] and len(folders) > 1:
        _, volume, *folders = folders
    return TraktorPlace(volume, "/:" + "".join(f"{folder}/:" for folder in folders), name)
