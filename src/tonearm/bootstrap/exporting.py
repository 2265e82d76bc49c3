"""Composes an export: the writer of a format, and where MP3 files begin."""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import FileIO
from typing import BinaryIO

from tonearm.bootstrap.library import Library
from tonearm.errors import ConfigurationError
from tonearm.export.csv_table import CsvWriter
from tonearm.export.exported import Writer
from tonearm.export.exporter import Exporter, ExportOutcome, Grids
from tonearm.export.json_lines import JsonLinesWriter
from tonearm.export.mp3_origin import Mp3Origin, Program, read_origin
from tonearm.export.paths import Renaming
from tonearm.export.playlist import PlaylistWriter
from tonearm.export.rekordbox import RekordboxWriter
from tonearm.export.table_columns import table_columns
from tonearm.export.traktor import TraktorWriter
from tonearm.names import PathMap
from tonearm.views.track import Track, TrackDetail
from tonearm.views.tracks import TrackQuery

FORMATS = ("csv", "jsonl", "parquet", "m3u8", "mixxx", "rekordbox", "traktor")
SEEKABLE = ("parquet", "rekordbox", "traktor")
"""Formats that are not written from the beginning to the end."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to export. relative_to: the folder that paths in playlists are relative to; ``None`` for whole paths.

    full: with JSON Lines, everything about each track. maps: see ``Renaming``. traktor: version of the program.
    """

    format: str
    maps: tuple[str, ...] = ()
    relative_to: bytes | None = None
    full: bool = False
    assume_downbeat: bool = False
    traktor: int = 4


def export_tracks(
    library: Library,
    query: TrackQuery,
    limit: int | None,
    options: ExportOptions,
    file: BinaryIO,
    stopping: Callable[[], bool],
) -> ExportOutcome:
    """Write the tracks of a query to a file. Raises ConfigurationError, StorageError, ValueError and OSError."""
    here = PathMap(library.settings.path_map).here
    renamed = Renaming(options.maps)
    exporter = Exporter(
        _writer(options, file),
        lambda path: renamed(here(path)),
        _grids(options),
        lambda path: _origin(here(path)),
        stopping,
    )
    tracks: Iterable[Track | TrackDetail] = (
        library.tracks.each_detail(query, limit)
        if options.full or _grids(options) is not None
        else library.tracks.each(query, limit)
    )
    return exporter.export(tracks)


def _grids(options: ExportOptions) -> Grids | None:
    match options.format:
        case "rekordbox":
            return Grids(Program.REKORDBOX, True, options.assume_downbeat)
        case "traktor":
            return Grids(Program.TRAKTOR, False, options.assume_downbeat)
    return None


def _writer(options: ExportOptions, file: BinaryIO) -> Writer:
    match options.format:
        case "csv":
            return CsvWriter(file, table_columns())
        case "jsonl":
            return JsonLinesWriter(file)
        case "parquet":
            return _parquet(file)
        case "rekordbox":
            return RekordboxWriter(file)
        case "traktor":
            return TraktorWriter(file, options.traktor)
    return PlaylistWriter(file, options.relative_to)


def _parquet(file: BinaryIO) -> Writer:
    try:
        from tonearm.export.parquet import ParquetWriter
    except ImportError as error:
        raise ConfigurationError(
            f"Parquet needs a library that is not installed: pip install 'tonearm[parquet]' ({error})"
        ) from error
    return ParquetWriter(file, table_columns())


def _origin(path: bytes) -> Mp3Origin | None:
    """Where an MP3 file begins; ``None`` where it can't be read."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with FileIO(number) as file:
            return read_origin(file) if stat.S_ISREG(os.fstat(number).st_mode) else None
    except OSError:
        return None
