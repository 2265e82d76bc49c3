"""Reads the contents of the graph from the library: files that are not missing, and their current results."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Integer, and_, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from tonearm.graph.mixing import Candidate, Point, Ranges
from tonearm.graph.track import SEPARATOR, GraphTrack
from tonearm.library.column_types import unindexed
from tonearm.library.features import FeatureTables
from tonearm.library.schema import IS_PRESENT, audio_table, file_table, root_table, tags_table

PRESENT = and_(
    file_table.c.audio_id.is_not(None),
    IS_PRESENT,
)
"""Condition: files that the last scan found and that have results."""
FASTEST_BPM = 1e6
"""Larger values are not a tempo."""


class tenths(FunctionElement[int]):  # noqa: N801  written as an SQL function
    """A tempo in whole tenths of a BPM, a half rounded up."""

    type = Integer()
    inherit_cache = True


@compiles(tenths, "sqlite")
def _tenths_sqlite(element: tenths, compiler: Any, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} * 10 + 0.5 AS INTEGER)"


@compiles(tenths, "postgresql")
def _tenths_postgresql(element: tenths, compiler: Any, **kw: Any) -> str:
    return f"CAST(floor({compiler.process(element.clauses, **kw)} * 10 + 0.5) AS INTEGER)"


class MixColumns:
    """The columns with the current key, tempo and energy of audio."""

    def __init__(self, features: FeatureTables) -> None:
        self.camelot = features.columns["camelot"]
        self.bpm = features.columns["bpm"]
        self.energy = features.columns["energy"]
        self.tempo = tenths(self.bpm)
        bpm = unindexed(self.bpm)  # in the order of the index all other tables are read at random
        self.is_tempo = and_(bpm >= 0, bpm < FASTEST_BPM)

    def beside(self, source: FromClause) -> FromClause:
        """The rows of files joined with the results of their audio."""
        for column in (self.camelot, self.energy):
            source = source.outerjoin(column.table, column.table.c.audio_id == file_table.c.audio_id)
        tempo = self.bpm.table
        return source.outerjoin(tempo, and_(tempo.c.audio_id == file_table.c.audio_id, self.is_tempo))


def tracks(connection: Connection, mix: MixColumns, among: ColumnElement[bool]) -> Iterator[GraphTrack]:
    """Files as tracks, without missing ones."""
    source = (
        file_table.join(root_table, root_table.c.id == file_table.c.root_id)
        .join(audio_table, audio_table.c.id == file_table.c.audio_id)
        .outerjoin(tags_table, tags_table.c.file_id == file_table.c.id)
    )
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
            mix.camelot,
            mix.tempo,
            mix.energy,
        )
        .select_from(mix.beside(source))
        .where(PRESENT, among)
    )
    for file, root, path, *rest in rows:
        yield GraphTrack(file, whole(root, path), *rest)


def near(
    connection: Connection, mix: MixColumns, camelot: Iterable[str], ranges: Ranges
) -> Iterator[Candidate]:
    """Tracks of these keys whose tempo lies in one of the ranges, given in tenths of a BPM."""
    tempo = or_(*[_within(mix, low, high) for low, high in ranges])
    for found in _candidates(connection, mix, and_(tempo, mix.camelot.in_(sorted(camelot)))):
        if any(low <= found.tempo <= high for low, high in ranges):
            yield found


def at_points(connection: Connection, mix: MixColumns, points: Iterable[Point]) -> Iterator[Candidate]:
    """Tracks of these pairs of a key and a tempo."""
    wanted = set(points)
    tempo = or_(*[_within(mix, tenths, tenths) for tenths in sorted({tempo for _, tempo in wanted})])
    keys = sorted({camelot for camelot, _ in wanted})
    for found in _candidates(connection, mix, and_(tempo, mix.camelot.in_(keys))):
        if found.point in wanted:
            yield found


def _within(mix: MixColumns, low: int, high: int) -> ColumnElement[bool]:
    """Condition: tempi between two tenths of a BPM, slightly widened, as the index has unrounded tempi."""
    return mix.bpm.between((low - 0.6) / 10, (high + 0.6) / 10)


def _candidates(connection: Connection, mix: MixColumns, among: ColumnElement[bool]) -> Iterator[Candidate]:
    tempo, key, energy = mix.bpm.table, mix.camelot.table, mix.energy.table
    rows = connection.execution_options(yield_per=1000).execute(
        select(
            file_table.c.id,
            root_table.c.path.label("root"),
            file_table.c.path,
            audio_table.c.hash,
            mix.camelot,
            mix.tempo,
            mix.energy,
        )
        .select_from(tempo)
        .join(key, key.c.audio_id == tempo.c.audio_id)
        .join(file_table, file_table.c.audio_id == tempo.c.audio_id)
        .join(root_table, root_table.c.id == file_table.c.root_id)
        .join(audio_table, audio_table.c.id == tempo.c.audio_id)
        .outerjoin(energy, energy.c.audio_id == tempo.c.audio_id)
        .where(PRESENT, mix.is_tempo, among)
    )
    for file, root, path, *rest in rows:
        yield Candidate(file, whole(root, path), *rest)


def points(connection: Connection, mix: MixColumns) -> Iterator[Point]:
    """Every pair of key and tempo in the library."""
    tempo, key = mix.bpm.table, mix.camelot.table
    found = connection.execute(
        select(mix.camelot, mix.tempo)
        .select_from(tempo)
        .join(key, key.c.audio_id == tempo.c.audio_id)
        .join(file_table, file_table.c.audio_id == tempo.c.audio_id)
        .where(PRESENT, mix.is_tempo, mix.camelot.is_not(None))
        .distinct()
    )
    yield from ((camelot, tempo_tenths) for camelot, tempo_tenths in found)


def tempos(connection: Connection, mix: MixColumns) -> set[int]:
    """Every tempo in the library, in tenths of a BPM."""
    tempo = mix.bpm.table
    found = (
        select(mix.tempo)
        .select_from(tempo)
        .join(file_table, file_table.c.audio_id == tempo.c.audio_id)
        .where(PRESENT, mix.is_tempo)
    )
    return set(connection.execute(found.distinct()).scalars())


def keys(connection: Connection, mix: MixColumns) -> set[str]:
    """The Camelot code of every key in the library."""
    key = mix.camelot.table
    found = (
        select(mix.camelot)
        .select_from(key)
        .join(file_table, file_table.c.audio_id == key.c.audio_id)
        .where(PRESENT, mix.camelot.is_not(None))
    )
    return set(connection.execute(found.distinct()).scalars())


def labels(connection: Connection) -> Iterator[tuple[str | None, str | None, str | None, str | None]]:
    """Every combination of artist, album artist, album and genre in the tags."""
    found = connection.execution_options(yield_per=1000).execute(
        select(tags_table.c.artist, tags_table.c.album_artist, tags_table.c.album, tags_table.c.genre)
        .join(file_table, file_table.c.id == tags_table.c.file_id)
        .where(PRESENT)
        .distinct()
    )
    yield from ((artist, album_artist, album, genre) for artist, album_artist, album, genre in found)


def shared(connection: Connection) -> Iterator[tuple[bytes, str | None, str | None, str | None]]:
    """Path, title, artist and album artist of files that name several artists."""
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
    """The file at an absolute path, under any root."""
    places = []
    for root, folder in connection.execute(select(root_table.c.id, root_table.c.path)):
        inside = folder.rstrip(b"/") + b"/"
        if path.startswith(inside):
            places.append(and_(file_table.c.root_id == root, file_table.c.path == path[len(inside) :]))
    return or_(*places) if places else file_table.c.id.in_(())


def count(connection: Connection) -> int:
    """Number of files that are not missing."""
    return connection.execute(select(func.count()).select_from(file_table).where(PRESENT)).scalar_one()


def whole(root: bytes, path: bytes) -> bytes:
    """The absolute path of a file."""
    return root.rstrip(b"/") + b"/" + path
