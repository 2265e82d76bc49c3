"""Reads from the library's tables what the graph is made of: files that are there, and their current results."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from tonearm.graph.mixing import Candidate, Point, Ranges
from tonearm.graph.track import SEPARATOR, Track
from tonearm.library.schema import Audio, File, FileTags, MixPoint, Root

Versions = Mapping[str, int]
PRESENT = and_(File.audio_id.is_not(None), File.missing_since.is_(None), File.moved_to_id.is_(None))
"""Files that were last seen on disk and have been listened to."""


def tracks(connection: Connection, versions: Versions, among: ColumnElement[bool]) -> Iterator[Track]:
    """Those of some files that are there, as tracks."""
    rows = connection.execute(
        select(
            File.id,
            Root.path.label("root"),
            File.path,
            Audio.hash,
            FileTags.title,
            FileTags.artist,
            FileTags.album,
            FileTags.album_artist,
            FileTags.genre,
            case((_current(MixPoint.key_version, versions, "key"), MixPoint.camelot)),
            case((_current(MixPoint.tempo_version, versions, "tempo"), MixPoint.tempo)),
            case((_current(MixPoint.energy_version, versions, "character"), MixPoint.energy)),
        )
        .join(Root, Root.id == File.root_id)
        .join(Audio, Audio.id == File.audio_id)
        .outerjoin(FileTags, FileTags.file_id == File.id)
        .outerjoin(MixPoint, MixPoint.audio_id == File.audio_id)
        .where(PRESENT, among)
    )
    for file, root, path, *rest in rows:
        yield Track(file, whole(root, path), *rest)


def candidates(
    connection: Connection, versions: Versions, camelot: frozenset[str], tempos: Ranges
) -> Iterator[Candidate]:
    """Tracks of these keys whose tempo lies in one of the ranges."""
    rows = connection.execution_options(yield_per=1000).execute(
        _points(
            versions,
            File.id,
            Root.path.label("root"),
            File.path,
            Audio.hash,
            MixPoint.camelot,
            MixPoint.tempo,
            case((_current(MixPoint.energy_version, versions, "character"), MixPoint.energy)),
        )
        .join(Root, Root.id == File.root_id)
        .join(Audio, Audio.id == File.audio_id)
        .where(
            MixPoint.camelot.in_(sorted(camelot)),
            or_(*[MixPoint.tempo.between(low, high) for low, high in tempos]),
        )
    )
    for file, root, path, *rest in rows:
        yield Candidate(file, whole(root, path), *rest)


def points(connection: Connection, versions: Versions) -> Iterator[Point]:
    """Every pair of a key and a tempo that some file has."""
    known = and_(MixPoint.camelot.is_not(None), MixPoint.tempo.is_not(None))
    found = connection.execute(_points(versions, MixPoint.camelot, MixPoint.tempo).where(known).distinct())
    yield from ((camelot, tempo) for camelot, tempo in found)


def values(connection: Connection, versions: Versions, analyser: str) -> set[Any]:
    """Every tempo (``tempo``) or Camelot code (``key``) that some file has."""
    column, version = {
        "tempo": (MixPoint.tempo, MixPoint.tempo_version),
        "key": (MixPoint.camelot, MixPoint.key_version),
    }[analyser]
    return set(
        connection.execute(
            select(column)
            .join(File, File.audio_id == MixPoint.audio_id)
            .where(PRESENT, _current(version, versions, analyser), column.is_not(None))
            .distinct()
        ).scalars()
    )


def labels(connection: Connection) -> Iterator[tuple[str | None, str | None, str | None, str | None]]:
    """Every combination of artist, album's artist, album and genre that some file's tags have."""
    found = connection.execution_options(yield_per=1000).execute(
        select(FileTags.artist, FileTags.album_artist, FileTags.album, FileTags.genre)
        .join(File, File.id == FileTags.file_id)
        .where(PRESENT)
        .distinct()
    )
    yield from ((artist, album_artist, album, genre) for artist, album_artist, album, genre in found)


def shared(connection: Connection) -> Iterator[tuple[bytes, str | None, str | None, str | None]]:
    """Path, title, artist and album's artist of files that name several artists."""
    several = or_(*[name.contains(SEPARATOR) for name in (FileTags.artist, FileTags.album_artist)])
    found = connection.execution_options(yield_per=1000).execute(
        select(Root.path.label("root"), File.path, FileTags.title, FileTags.artist, FileTags.album_artist)
        .join(Root, Root.id == File.root_id)
        .join(FileTags, FileTags.file_id == File.id)
        .where(PRESENT, several)
    )
    for root, path, title, artist, album_artist in found:
        yield whole(root, path), title, artist, album_artist


def at(connection: Connection, path: bytes) -> ColumnElement[bool]:
    """The file at a path, wherever its root is."""
    places = []
    for root, folder in connection.execute(select(Root.id, Root.path)):
        inside = folder.rstrip(b"/") + b"/"
        if path.startswith(inside):
            places.append(and_(File.root_id == root, File.path == path[len(inside) :]))
    return or_(*places) if places else File.id.in_(())


def count(connection: Connection) -> int:
    """How many files are there."""
    return connection.execute(select(func.count()).select_from(File).where(PRESENT)).scalar_one()


def whole(root: bytes, path: bytes) -> bytes:
    """A path with its root."""
    return root.rstrip(b"/") + b"/" + path


def _points(versions: Versions, *columns: Any) -> Select[Any]:
    """Columns of files whose key and tempo are current."""
    return (
        select(*columns)
        .select_from(MixPoint)
        .join(File, File.audio_id == MixPoint.audio_id)
        .where(
            PRESENT,
            _current(MixPoint.key_version, versions, "key"),
            _current(MixPoint.tempo_version, versions, "tempo"),
        )
    )


def _current(version: Any, versions: Versions, analyser: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = version == versions.get(analyser, -1)
    return found
