"""The graph on the library's own tables; nothing is copied, so every answer is current."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Connection

from tonearm.errors import NotFound
from tonearm.graph import library_rows
from tonearm.graph.chain import find_chain
from tonearm.graph.harmony import related
from tonearm.graph.library_rows import MixColumns
from tonearm.graph.mixing import Candidate, Point, Ranges, find_mixes, find_path
from tonearm.graph.port import ConnectionStep, GraphCounts, Mix
from tonearm.graph.track import (
    BAND_TENTHS,
    GraphTrack,
    Node,
    NodeType,
    album_of,
    artist_named,
    artists_of,
    genres_of,
    track_node,
    track_title,
)
from tonearm.library.database import Database
from tonearm.library.features import FeatureTables
from tonearm.library.schema import file_table


class SqlGraph:
    """TrackGraph on SQLite or PostgreSQL."""

    def __init__(self, database: Database, features: FeatureTables) -> None:
        """``features``: the tables with key, tempo and energy."""
        self._database = database
        self._mix = MixColumns(features)

    def put(self, tracks: Sequence[GraphTrack]) -> None:
        """Does nothing: the library's tables are the graph."""

    def forget(self, files: Sequence[int]) -> None:
        """Does nothing."""

    def clear(self) -> None:
        """Does nothing."""

    def counts(self) -> GraphCounts:
        with self._database.read() as connection:
            neighbours = _Neighbours(connection)
            tempos = library_rows.tempos(connection, self._mix)
            return GraphCounts(
                tracks=library_rows.count(connection),
                artists=neighbours.count(NodeType.ARTIST),
                albums=neighbours.count(NodeType.ALBUM),
                genres=neighbours.count(NodeType.GENRE),
                keys=len(library_rows.keys(connection, self._mix)),
                tempo_bands=len({tempo // BAND_TENTHS for tempo in tempos}),
            )

    def track(self, path: bytes) -> GraphTrack | None:
        with self._database.read() as connection:
            found = library_rows.tracks(connection, self._mix, library_rows.at(connection, path))
            return next(found, None)

    def mixes(self, track: GraphTrack, limit: int, tempo_percent: float) -> tuple[Mix, ...]:
        with self._database.read() as connection:
            return find_mixes(_Tracks(connection, self._mix), track, limit, tempo_percent)

    def path(self, start: GraphTrack, goal: GraphTrack, tempo_percent: float) -> tuple[Mix, ...] | None:
        with self._database.read() as connection:
            return find_path(_Tracks(connection, self._mix), start, goal, tempo_percent)

    def connection(self, artist: str, other: str) -> tuple[ConnectionStep, ...] | None:
        with self._database.read() as connection:
            neighbours = _Neighbours(connection)
        for name in (artist, other):
            if artist_named(name) not in neighbours:
                raise NotFound(f"{name}: no artist of that name in the library")
        return find_chain(neighbours, artist_named(artist), artist_named(other))


class _Tracks:
    """Reads tracks for mixing, in one transaction."""

    def __init__(self, connection: Connection, mix: MixColumns) -> None:
        self._connection = connection
        self._mix = mix

    def near(self, camelot: str, tempos: Ranges) -> Iterator[Candidate]:
        return library_rows.near(self._connection, self._mix, related(camelot), tempos)

    def points(self) -> Iterator[Point]:
        return library_rows.points(self._connection, self._mix)

    def at(self, points: Sequence[Point]) -> Iterator[Candidate]:
        return library_rows.at_points(self._connection, self._mix, points)

    def tracks(self, files: Sequence[int]) -> dict[int, GraphTrack]:
        found = library_rows.tracks(self._connection, self._mix, file_table.c.id.in_(files))
        return {track.file: track for track in found}


class _Neighbours:
    """What artists have in common, read in one pass; memory grows with the number of names, not of files."""

    def __init__(self, connection: Connection) -> None:
        self._names: dict[Node, str] = {}
        self._neighbours: dict[Node, set[Node]] = {}
        for artist, album_artist, album, genre in library_rows.labels(connection):
            common = album_of(album, album_artist, artist) | genres_of(genre)
            self._tie(artists_of(artist, album_artist), common)
        for path, title, artist, album_artist in library_rows.shared(connection):
            artists = artists_of(artist, album_artist)
            if len(artists) > 1:
                self._tie(artists, {track_node(path): track_title(title, path)})

    def _tie(self, artists: Mapping[Node, str], common: Mapping[Node, str]) -> None:
        for node, name in (*artists.items(), *common.items()):
            self._names[node] = min(name, self._names.get(node, name))
            self._neighbours.setdefault(node, set())
        for artist in artists:
            self._neighbours[artist].update(common)
        for node in common:
            self._neighbours[node].update(artists)

    def __contains__(self, node: Node) -> bool:
        return node in self._names

    def count(self, kind: NodeType) -> int:
        """Number of nodes of a kind."""
        return sum(node.kind == kind for node in self._names)

    def neighbours(self, nodes: Collection[Node]) -> Iterator[tuple[Node, Node]]:
        for node in nodes:
            for neighbour in self._neighbours[node]:
                yield node, neighbour

    def names(self, nodes: Collection[Node]) -> dict[Node, str]:
        return {node: self._names[node] for node in nodes}
