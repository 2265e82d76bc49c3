"""Reads from the library's tables what the graph is made of: files that are there, and their current results."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

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


def near(
    connection: Connection, versions: Versions, camelot: Iterable[str], ranges: Ranges
) -> Iterator[Candidate]:
    """Tracks of these keys whose tempo lies in one of the ranges."""
    tempo = or_(*[MixPoint.tempo.between(low, high) for low, high in ranges])
    return _candidates(connection, versions, and_(MixPoint.camelot.in_(sorted(camelot)), tempo))


def at_points(connection: Connection, versions: Versions, points: Iterable[Point]) -> Iterator[Candidate]:
    """Tracks of these pairs of a key and a tempo."""
    by_key: dict[str, list[int]] = {}
    for camelot, tempo in points:
        by_key.setdefault(camelot, []).append(tempo)
    among = [and_(MixPoint.camelot == camelot, MixPoint.tempo.in_(some)) for camelot, some in by_key.items()]
    return _candidates(connection, versions, or_(*among))


def _candidates(
    connection: Connection, versions: Versions, among: ColumnElement[bool]
) -> Iterator[Candidate]:
    rows = connection.execution_options(yield_per=1000).execute(
        select(
            File.id,
            Root.path.label("root"),
            File.path,
            Audio.hash,
            MixPoint.camelot,
            MixPoint.tempo,
            case((_current(MixPoint.energy_version, versions, "character"), MixPoint.energy)),
        )
        .select_from(MixPoint)
        .join(File, File.audio_id == MixPoint.audio_id)
        .join(Root, Root.id == File.root_id)
        .join(Audio, Audio.id == File.audio_id)
        .where(
            PRESENT,
            _current(MixPoint.key_version, versions, "key"),
            _current(MixPoint.tempo_version, versions, "tempo"),
            among,
        )
    )
    for file, root, path, *rest in rows:
        yield Candidate(file, whole(root, path), *rest)


def points(connection: Connection, versions: Versions) -> Iterator[Point]:
    """Every pair of a key and a tempo that some file has."""
    for point in _held(connection, versions, ("key", "tempo"), MixPoint.camelot, MixPoint.tempo):
        yield point[0], point[1]


def tempos(connection: Connection, versions: Versions) -> set[int]:
    """Every tempo that some file has."""
    return {tempo for (tempo,) in _held(connection, versions, ("tempo",), MixPoint.tempo)}


def keys(connection: Connection, versions: Versions) -> set[str]:
    """The Camelot code of every key that some file is in."""
    return {camelot for (camelot,) in _held(connection, versions, ("key",), MixPoint.camelot)}


def _held(
    connection: Connection, versions: Versions, analysers: Sequence[str], *columns: Any
) -> Iterator[Any]:
    """Every combination of columns that current results of some file have.

    The index knows the combinations; then one file of each is looked for. That is much less than all files.
    """
    known = select(*columns).where(*[column.is_not(None) for column in columns]).distinct().subquery()
    point = aliased(MixPoint)
    conditions = [getattr(point, column.key) == known.c[column.key] for column in columns]
    conditions += [_current(_version(point, analyser), versions, analyser) for analyser in analysers]
    held = exists().where(File.audio_id == point.audio_id, PRESENT, *conditions)
    yield from connection.execute(select(*[known.c[column.key] for column in columns]).where(held))


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


def _current(version: Any, versions: Versions, analyser: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = version == versions.get(analyser, -1)
    return found


def _version(point: Any, analyser: str) -> Any:
    """The column that holds the version of the analyser that measured a value."""
    return {
        "key": point.key_version,
        "tempo": point.tempo_version,
        "character": point.energy_version,
    }[analyser]
