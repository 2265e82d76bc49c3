"""Writes the XML that Rekordbox imports ("rekordbox xml format list", AlphaTheta)."""

from typing import BinaryIO

from tonearm import __version__
from tonearm.export.beat_anchors import Anchor
from tonearm.export.exported import Exported
from tonearm.export.paths import file_url
from tonearm.export.xml_text import element
from tonearm.views.track import Track

BEATS_IN_BAR = 4
_KINDS = {
    "mp3": "MP3 File",
    "mp4": "M4A File",
    "wav": "WAV File",
    "aiff": "AIFF File",
    "flac": "FLAC File",
    "ogg": "OGG File",
}
_ROOTS = {"C#": "Db", "G#": "Ab"}
"""Roots that Rekordbox spells in another way."""
_ENTRIES_WIDTH = 20


class RekordboxWriter:
    """Writes a collection; the number of its tracks is put in at the end, so the file must be seekable."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._tracks = 0
        self._entries_at = 0

    def begin(self) -> None:
        """Write the head."""
        product = element("PRODUCT", {"Name": "Tonearm", "Version": __version__, "Company": ""})
        self._write(f'<?xml version="1.0" encoding="UTF-8"?>\n<DJ_PLAYLISTS Version="1.0.0">\n{product}\n')
        self._write("<COLLECTION ")
        self._entries_at = self._file.tell()
        self._write(" " * _ENTRIES_WIDTH + ">\n")

    def add(self, exported: Exported) -> None:
        """Write a track."""
        self._tracks += 1
        grid = "".join(_tempo(anchor) for anchor in exported.grid)
        self._write(element("TRACK", _attributes(exported), grid or None) + "\n")

    def end(self) -> None:
        """Write the end, and the number of tracks."""
        root = element("NODE", {"Type": 0, "Name": "ROOT", "Count": 0})
        self._write(f"</COLLECTION>\n<PLAYLISTS>{root}</PLAYLISTS>\n</DJ_PLAYLISTS>\n")
        self._file.seek(self._entries_at)
        self._write(f'Entries="{self._tracks}"'.ljust(_ENTRIES_WIDTH))

    def close(self) -> None:
        """Nothing is held."""

    def _write(self, text: str) -> None:
        self._file.write(text.encode("utf-8"))


def _attributes(exported: Exported) -> dict[str, object | None]:
    track = exported.track
    bpm = track.results.get("bpm")
    return {
        "TrackID": track.id,
        "Name": track.title or "",
        "Artist": track.artist or "",
        "Album": track.album or "",
        "Genre": track.genre or "",
        "Kind": _KINDS.get(track.container or "", f"{(track.container or '').upper()} File"),
        "TotalTime": None if track.duration_s is None else round(track.duration_s),
        "DiscNumber": track.disc,
        "TrackNumber": track.track,
        "Year": track.year,
        "AverageBpm": None if bpm is None else f"{bpm:.2f}",
        "BitRate": None if track.bit_rate_bps is None else round(track.bit_rate_bps / 1000),
        "SampleRate": track.sample_rate_hz,
        "Location": file_url(exported.path),
        "Tonality": tonality(track),
    }


def tonality(track: Track) -> str | None:
    """The key as Rekordbox spells it, such as ``Dbm``."""
    root, _, mode = str(track.results.get("key") or "").partition(" ")
    if not root:
        return None
    return f"{_ROOTS.get(root, root)}m" if mode == "minor" else root


def _tempo(anchor: Anchor) -> str:
    return element(
        "TEMPO",
        {
            "Inizio": f"{anchor.at_s:.3f}",
            "Bpm": f"{anchor.bpm:.2f}",
            "Metro": "4/4",
            "Battito": anchor.number % BEATS_IN_BAR + 1,
        },
    )
