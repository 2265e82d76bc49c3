"""Writes a playlist: M3U in UTF-8."""

import os

from tonearm.export.exported import CanNotHold, Exported, LeftOut, Sink
from tonearm.views.track import Track


class PlaylistWriter:
    """Writes a playlist. A name that is not UTF-8, or has a line break, can't be in one."""

    def __init__(self, file: Sink, relative_to: bytes | None = None) -> None:
        """``relative_to``: the folder that paths are relative to; ``None`` for whole paths."""
        self._file = file
        self._folder = relative_to

    def begin(self) -> None:
        """Write the head."""
        self._file.write(b"#EXTM3U\n")

    def add(self, exported: Exported) -> None:
        """Write a track. Raises CanNotHold."""
        path = exported.path
        if self._folder is not None:
            path = os.path.relpath(path, self._folder)
            path = path if not path.startswith(b"#") else b"./" + path
        try:
            path.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CanNotHold(LeftOut.NAME) from error
        if b"\n" in path or b"\r" in path:
            raise CanNotHold(LeftOut.NAME)
        self._file.write(_said(exported.track).encode("utf-8", "replace") + path + b"\n")

    def end(self) -> None:
        """A playlist has no end."""

    def close(self) -> None:
        """Nothing is held."""


def _said(track: Track) -> str:
    seconds = -1 if track.duration_s is None else round(track.duration_s)
    name = " - ".join(part for part in (track.artist, track.title) if part) or _stem(track.path)
    return f"#EXTINF:{seconds},{' '.join(name.splitlines())}\n"


def _stem(path: bytes) -> str:
    return os.path.splitext(os.path.basename(path))[0].decode("utf-8", "replace")
