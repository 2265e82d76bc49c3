"""Reads from the library's tables what the graph is made of: files that are there, and their current results."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select

from tonearm.graph.mixing import Candidate, Point, Ranges
from tonearm.graph.track import SEPARATOR, GraphTrack
from tonearm.library.schema import audio_table, file_table, mix_point_table, root_table, tags_table

Versions = Mapping[str, int]
PRESENT = and_(
    file_table.c.audio_id.is_not(None),
    file_table.c.missing_since.is_(None),
    file_table.c.moved_to_id.is_(None),
)
"""Files that were last seen on disk and have been listened to."""


def tracks(connection: Connection, versions: Versions, among: ColumnElement[bool]) -> Iterator[GraphTrack]:
    """Those of some files that are there, as tracks."""
    rows = connection.execute(
        select(
            file_table.c.id,
            root_table.c.path.label("root"),
            file_table.c.path,
            audio_table.c.hash,
            tags_table.c.title,
            tags_table.c.artist,
            tags_table.c.album,
            tags_table.c.album_artist,
            tags_table.c.genre,
            case((_current(mix_point_table.c.key_version, versions, "key"), mix_point_table.c.camelot)),
            case((_current(mix_point_table.c.tempo_version, versions, "tempo"), mix_point_table.c.tempo)),
            case(
                (_current(mix_point_table.c.energy_version, versions, "character"), mix_point_table.c.energy)
            ),
        )
        .join(root_table, root_table.c.id == file_table.c.root_id)
        .join(audio_table, audio_table.c.id == file_table.c.audio_id)
        .outerjoin(tags_table, tags_table.c.file_id == file_table.c.id)
        .outerjoin(mix_point_table, mix_point_table.c.audio_id == file_table.c.audio_id)
        .where(PRESENT, among)
    )
    for file, root, path, *rest in rows:
        yield GraphTrack(file, whole(root, path), *rest)


def near(
    connection: Connection, versions: Versions, camelot: Iterable[str], ranges: Ranges
) -> Iterator[Candidate]:
    """Tracks of these keys whose tempo lies in one of the ranges."""
    tempo = or_(*[mix_point_table.c.tempo.between(low, high) for low, high in ranges])
    return _candidates(connection, versions, and_(mix_point_table.c.camelot.in_(sorted(camelot)), tempo))


def at_points(connection: Connection, versions: Versions, points: Iterable[Point]) -> Iterator[Candidate]:
    """Tracks of these pairs of a key and a tempo."""
    by_key: dict[str, list[int]] = {}
    for camelot, tempo in points:
        by_key.setdefault(camelot, []).append(tempo)
    among = [
        and_(mix_point_table.c.camelot == camelot, mix_point_table.c.tempo.in_(some))
        for camelot, some in by_key.items()
    ]
    return _candidates(connection, versions, or_(*among))


def _candidates(
    connection: Connection, versions: Versions, among: ColumnElement[bool]
) -> Iterator[Candidate]:
    rows = connection.execution_options(yield_per=1000).execute(
        select(
            file_table.c.id,
            root_table.c.path.label("root"),
            file_table.c.path,
            audio_table.c.hash,
            mix_point_table.c.camelot,
            mix_point_table.c.tempo,
            case(
                (_current(mix_point_table.c.energy_version, versions, "character"), mix_point_table.c.energy)
            ),
        )
        .select_from(mix_point_table)
        .join(file_table, file_table.c.audio_id == mix_point_table.c.audio_id)
        .join(root_table, root_table.c.id == file_table.c.root_id)
        .join(audio_table, audio_table.c.id == file_table.c.audio_id)
        .where(
            PRESENT,
            _current(mix_point_table.c.key_version, versions, "key"),
            _current(mix_point_table.c.tempo_version, versions, "tempo"),
            among,
        )
    )
    for file, root, path, *rest in rows:
        yield Candidate(file, whole(root, path), *rest)


def points(connection: Connection, versions: Versions) -> Iterator[Point]:
    """Every pair of a key and a tempo that some file has."""
    for point in _held(
        connection, versions, ("key", "tempo"), mix_point_table.c.camelot, mix_point_table.c.tempo
    ):
        yield point[0], point[1]


def tempos(connection: Connection, versions: Versions) -> set[int]:
    """Every tempo that some file has."""
    return {tempo for (tempo,) in _held(connection, versions, ("tempo",), mix_point_table.c.tempo)}


def keys(connection: Connection, versions: Versions) -> set[str]:
    """The Camelot code of every key that some file is in."""
    return {camelot for (camelot,) in _held(connection, versions, ("key",), mix_point_table.c.camelot)}


def _held(
    connection: Connection, versions: Versions, analysers: Sequence[str], *columns: Any
) -> Iterator[Any]:
    """Every combination of columns that current results of some file have.

    The index knows the combinations; then one file of each is looked for. That is much less than all files.
    """
    known = select(*columns).where(*[column.is_not(None) for column in columns]).distinct().subquery()
    point = mix_point_table.alias()
    conditions = [point.c[column.key] == known.c[column.key] for column in columns]
    conditions += [_current(_version(point.c, analyser), versions, analyser) for analyser in analysers]
    held = exists().where(file_table.c.audio_id == point.c.audio_id, PRESENT, *conditions)
    yield from connection.execute(select(*[known.c[column.key] for column in columns]).where(held))


def labels(connection: Connection) -> Iterator[tuple[str | None, str | None, str | None, str | None]]:
    """Every combination of artist, album's artist, album and genre that some file's tags have."""
    found = connection.execution_options(yield_per=1000).execute(
        select(tags_table.c.artist, tags_table.c.album_artist, tags_table.c.album, tags_table.c.genre)
        .join(file_table, file_table.c.id == tags_table.c.file_id)
        .where(PRESENT)
        .distinct()
    )
    yield from ((artist, album_artist, album, genre) for artist, album_artist, album, genre in found)


def shared(connection: Connection) -> Iterator[tuple[bytes, str | None, str | None, str | None]]:
    """Path, title, artist and album's artist of files that name several artists."""
    several = or_(*[name.contains(SEPARATOR) for name in (tags_table.c.artist, tags_table.c.album_artist)])
    found = connection.execution_options(yield_per=1000).execute(
        select(
            root_table.c.path.label("root"),
            file_table.c.path,
            tags_table.c.title,
            tags_table.c.artist,
            tags_table.c.album_artist,
        )
        .join(root_table, root_table.c.id == file_table.c.root_id)
        .join(tags_table, tags_table.c.file_id == file_table.c.id)
        .where(PRESENT, several)
    )
    for root, path, title, artist, album_artist in found:
        yield whole(root, path), title, artist, album_artist


def at(connection: Connection, path: bytes) -> ColumnElement[bool]:
    """The file at a path, wherever its root is."""
    places = []
    for root, folder in connection.execute(select(root_table.c.id, root_table.c.path)):
        inside = folder.rstrip(b"/") + b"/"
        if path.startswith(inside):
            places.append(and_(file_table.c.root_id == root, file_table.c.path == path[len(inside) :]))
    return or_(*places) if places else file_table.c.id.in_(())


def count(connection: Connection) -> int:
    """How many files are there."""
    return connection.execute(select(func.count()).select_from(file_table).where(PRESENT)).scalar_one()


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
