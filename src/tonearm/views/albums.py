"""Which tracks make an album, by their folder and their tags, and what is stored of the loudness of each."""

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select

from tonearm.library.database import Database
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import analysis_table, file_table, tags_table
from tonearm.views.reading import MANY_AT_ONCE

_DISC = re.compile(
    rb"(cd|disc|disk|dvd|vinyl|side|part)[ ._#-]*([0-9]{1,3}|[a-h])\b.*", re.IGNORECASE | re.DOTALL
)


class AlbumKey(NamedTuple):
    """What the tracks of an album have in common. folder: the one that holds it, without that of a disc."""

    root: int
    folder: bytes
    album: str
    album_artist: str


class MeasuredLoudness(NamedTuple):
    """Of one sound: its blocks by their levels, and its true peak as a factor of full scale; ``None`` if not known."""

    blocks: Mapping[str, Any] | None
    peak: float | None


Albums = Mapping[AlbumKey, Sequence[MeasuredLoudness | None]]
"""What is stored of the sounds of each album; ``None`` for one that the present analyser has not measured."""


def album_folder(path: bytes) -> bytes:
    """The folder of the album of a file: its own, or the one above if that is named as a disc."""
    folder = os.path.dirname(path)
    above, name = os.path.split(folder)
    return above if _DISC.fullmatch(name) else folder


def album_key(root: int, path: bytes, album: str | None, album_artist: str | None) -> AlbumKey | None:
    """The album of a file, by its path below a root; ``None`` without the name of one."""
    name = _plain(album)
    return AlbumKey(root, album_folder(path), name, _plain(album_artist)) if name else None


def _plain(text: str | None) -> str:
    return " ".join((text or "").split()).casefold()


class AlbumSounds:
    """Reads albums folder by folder."""

    def __init__(self, database: Database, analyser: str, version: int) -> None:
        """``analyser``, ``version``: whose results count."""
        self._database = database
        self._analyser = analyser
        self._version = version

    def below(self, root: int, folder: bytes) -> Albums:
        """The albums whose folder this is, with all their files, those that are missing or left out aside.

        The same sound counts once. Raises StorageError.
        """
        found: dict[AlbumKey, set[int | None]] = defaultdict(set)
        with self._database.read() as connection:
            for row in connection.execute(_files(root, folder)):
                key = album_key(root, row.path, row.album, row.album_artist)
                if key is not None and key.folder == folder:
                    found[key].add(row.audio_id)
            wanted = sorted({audio for sounds in found.values() for audio in sounds if audio is not None})
            measured: dict[int | None, MeasuredLoudness] = {}
            for start in range(0, len(wanted), MANY_AT_ONCE):
                measured |= self._measured(connection, wanted[start : start + MANY_AT_ONCE])
        return {key: [measured.get(audio) for audio in sounds] for key, sounds in found.items()}

    def _measured(self, connection: Connection, audios: Sequence[int]) -> dict[int | None, MeasuredLoudness]:
        table = analysis_table.c
        rows = connection.execute(
            select(table.audio_id, table.scalars, table.series).where(
                table.audio_id.in_(audios),
                table.analyser == self._analyser,
                table.version == self._version,
            )
        )
        return {
            row.audio_id: MeasuredLoudness(
                row.series.get("loudness_blocks"), row.scalars.get("replaygain_track_peak")
            )
            for row in rows
        }


def _files(root: int, folder: bytes) -> Select[Any]:
    """Path, sound, album and its artist of the files at or below a folder."""
    files, tags = file_table.c, tags_table.c
    return (
        select(files.path, files.audio_id, tags.album, tags.album_artist)
        .join(tags_table, tags.file_id == files.id)
        .where(
            in_place(Place(root, b"", folder)), files.missing_since.is_(None), files.left_out_since.is_(None)
        )
    )
