"""Writes the collection that Traktor imports (NML). The format is not published; this follows what Traktor writes."""

from typing import BinaryIO

from tonearm import __version__
from tonearm.export.beat_anchors import Anchor
from tonearm.export.exported import CanNotHold, Exported, LeftOut
from tonearm.export.paths import traktor_place
from tonearm.export.xml_text import element
from tonearm.library.keys import KEYS
from tonearm.views.track import Track

GRID_CUE = 4
_SEMITONES = {
    name: number
    for number, names in enumerate(
        ("C", "C# Db", "D", "Eb D#", "E", "F", "F# Gb", "G", "G# Ab", "A", "Bb A#", "B")
    )
    for name in names.split()
}
_ENTRIES_WIDTH = 20


class TraktorWriter:
    """Writes a collection; the number of its tracks is put in at the end, so the file must be seekable.

    Traktor 4 has beat grids with several anchors. For Traktor 3 a grid has one.
    """

    def __init__(self, file: BinaryIO, version: int) -> None:
        """``version``: of Traktor, 3 or 4."""
        self._file = file
        self._version = version
        self._tracks = 0
        self._entries_at = 0

    def begin(self) -> None:
        """Write the head."""
        head = element("HEAD", {"COMPANY": "Tonearm", "PROGRAM": f"Tonearm {__version__}"}, "")
        number = 20 if self._version > 3 else 19
        self._write(
            f'<?xml version="1.0" encoding="UTF-8" standalone="no" ?>\n<NML VERSION="{number}">{head}\n'
        )
        self._write("<COLLECTION ")
        self._entries_at = self._file.tell()
        self._write(" " * _ENTRIES_WIDTH + ">\n")

    def add(self, exported: Exported) -> None:
        """Write a track. Raises CanNotHold."""
        try:
            path = exported.path.decode("utf-8")
        except UnicodeDecodeError as error:
            raise CanNotHold(LeftOut.NAME) from error
        self._tracks += 1
        track = exported.track
        entry = {"TITLE": track.title, "ARTIST": track.artist}
        self._write(element("ENTRY", entry, "".join(self._parts(exported, path))) + "\n")

    def end(self) -> None:
        """Write the end, and the number of tracks."""
        self._write("</COLLECTION>\n</NML>\n")
        self._file.seek(self._entries_at)
        self._write(f'ENTRIES="{self._tracks}"'.ljust(_ENTRIES_WIDTH))

    def close(self) -> None:
        """Nothing is held."""

    def _parts(self, exported: Exported, path: str) -> list[str]:
        track = exported.track
        place = traktor_place(path)
        parts = [
            element("LOCATION", {"DIR": place.folders, "FILE": place.name, "VOLUME": place.volume}, ""),
            element("ALBUM", {"TRACK": track.track, "TITLE": track.album}, ""),
            element("MODIFICATION_INFO", {"AUTHOR_TYPE": "user"}, ""),
            element("INFO", _info(track), ""),
        ]
        bpm = track.results.get("bpm")
        if bpm is not None:
            parts.append(element("TEMPO", {"BPM": f"{bpm:.6f}", "BPM_QUALITY": "100.000000"}, ""))
        key = musical_key(track)
        if key is not None:
            parts.append(element("MUSICAL_KEY", {"VALUE": key}, ""))
        grid = exported.grid if self._version > 3 else exported.grid[:1]
        parts += [self._cue(anchor) for anchor in grid]
        return parts

    def _cue(self, anchor: Anchor) -> str:
        cue = {
            "NAME": "AutoGrid",
            "DISPL_ORDER": 0,
            "TYPE": GRID_CUE,
            "START": f"{anchor.at_s * 1000:.6f}",
            "LEN": "0.000000",
            "REPEATS": -1,
            "HOTCUE": -1,
        }
        inside = element("GRID", {"BPM": f"{anchor.bpm:.6f}"}, "") if self._version > 3 else ""
        return element("CUE_V2", cue, inside)

    def _write(self, text: str) -> None:
        self._file.write(text.encode("utf-8"))


def _info(track: Track) -> dict[str, object | None]:
    length_s = track.duration_s
    return {
        "BITRATE": track.bit_rate_bps,
        "GENRE": track.genre,
        "KEY": track.results.get("open_key"),
        "PLAYTIME": None if length_s is None else round(length_s),
        "PLAYTIME_FLOAT": None if length_s is None else f"{length_s:.6f}",
        "RELEASE_DATE": None if track.year is None else f"{track.year}/1/1",
    }


def musical_key(track: Track) -> int | None:
    """The number of a key in Traktor: 0 to 11 for major keys from C up, 12 to 23 for minor ones."""
    name = KEYS.get(str(track.results.get("camelot")))
    if name is None:
        return None
    root, mode = name.split()
    return _SEMITONES[root] + (12 if mode == "minor" else 0)
