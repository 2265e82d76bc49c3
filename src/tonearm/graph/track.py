"""A track as it is in the graph, and the artists, albums and genres that its tags name."""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from tonearm.library.keys import KEYS
from tonearm.names import to_document, to_text

SEPARATOR = "; "
"""Separator of several values of a tag."""
BAND_TENTHS = 20
"""Width of a tempo band: 2 BPM."""


class NodeType(IntEnum):
    """Types of nodes that connect artists, the closest relation first."""

    ARTIST = 0
    TRACK = 1  # both artists are named on it
    ALBUM = 2
    GENRE = 3

    @property
    def word(self) -> str:
        """Its name in JSON."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """An artist, track, album or genre. Two spellings of a name make the same node: ``label`` is folded."""

    kind: NodeType
    label: str


@dataclass(frozen=True, slots=True)
class GraphTrack:
    """A music file with its tags and measurements.

    file: its number in the library. path: exact bytes, as in the library. audio: hash of the sound.
    tempo: whole tenths of a BPM. energy: 0 to 1.
    """

    file: int
    path: bytes
    audio: str
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    genre: str | None = None
    camelot: str | None = None
    tempo: int | None = None
    energy: float | None = None

    @property
    def key(self) -> str | None:
        """The name of its key."""
        return None if self.camelot is None else KEYS[self.camelot]

    @property
    def bpm(self) -> float | None:
        """Its tempo, to a tenth."""
        return None if self.tempo is None else self.tempo / 10

    @property
    def point(self) -> tuple[str, int] | None:
        """Key and tempo; ``None`` if one is missing, so that the track can't be mixed."""
        return None if self.camelot is None or self.tempo is None else (self.camelot, self.tempo)

    @property
    def band(self) -> int | None:
        """Its tempo band, counted from 0 BPM."""
        return None if self.tempo is None else self.tempo // BAND_TENTHS


def artists_of(artist: str | None, album_artist: str | None) -> dict[Node, str]:
    """The artists of a track by their spelling in its tags; those of its album if it names none."""
    return _nodes(NodeType.ARTIST, artist) or _nodes(NodeType.ARTIST, album_artist)


def genres_of(genre: str | None) -> dict[Node, str]:
    """The genres of a track by their spelling in its tags."""
    return _nodes(NodeType.GENRE, genre)


def album_of(album: str | None, album_artist: str | None, artist: str | None) -> dict[Node, str]:
    """The album of a track by its spelling in the tags, or nothing.

    Albums of the same title are distinguished by the album artist, or else by the first artist of the track.
    """
    title = fold(album or "")
    if album is None or not title:
        return {}
    owner = fold(album_artist or "") or fold((artist or "").split(SEPARATOR)[0])
    return {Node(NodeType.ALBUM, f"{title}\n{owner}"): album.strip()}


def track_node(path: bytes) -> Node:
    """The node of a track with several artists."""
    return Node(NodeType.TRACK, to_document(path))


def track_title(title: str | None, path: bytes) -> str:
    """The title of a track, or else the name of its file."""
    return title or to_text(os.path.basename(path))


def artist_named(name: str) -> Node:
    """The node of the artist with a name."""
    return Node(NodeType.ARTIST, fold(name))


def fold(name: str) -> str:
    """A name in a form for comparison, without differences in capitals, spaces and composed accents."""
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", name).casefold().split()))


def _nodes(kind: NodeType, text: str | None) -> dict[Node, str]:
    return dict(_each(kind, text or ""))


def _each(kind: NodeType, text: str) -> Iterator[tuple[Node, str]]:
    for name in text.split(SEPARATOR):
        if folded := fold(name):
            yield Node(kind, folded), name.strip()
