"""The graph in Neo4j. Nodes are merged by their id, so repeating a ``put`` changes nothing.

(Track)-[:BY]->(Artist), -[:ON]->(Album), -[:OF]->(Genre), -[:IN]->(Key), -[:AT]->(TempoBand); and the harmonic
wheel: (Key)-[:MIXES_WITH {relation, weight}]->(Key). The spelling in a track's tags is stored on the relation.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, LiteralString

import neo4j

from tonearm.errors import NotFound
from tonearm.graph import cypher
from tonearm.graph.bolt import Bolt, run
from tonearm.graph.chain import find_chain
from tonearm.graph.harmony import WEIGHTS, related
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
    track_title,
)
from tonearm.library.keys import KEYS
from tonearm.names import from_document, to_document

AT_ONCE = 5_000
"""Maximum number of nodes that one transaction deletes."""
LABELS = {
    NodeType.ARTIST: "Artist",
    NodeType.TRACK: "Track",
    NodeType.ALBUM: "Album",
    NodeType.GENRE: "Genre",
}
KINDS = {label: kind for kind, label in LABELS.items()}
TAGS = ("title", "artist", "album", "album_artist", "genre")
Values = dict[str, Any]


class Ids:
    """Makes the ids of the nodes of one library."""

    def __init__(self, library: str) -> None:
        self.library = library
        self.start = f"{library}:"

    def track(self, file: int) -> str:
        """The id of a track."""
        return f"{self.start}{file}"

    def place(self, path: str) -> str:
        """The digest by which a track is found by its path, which may be too long for an index."""
        return self._digest("place", path)

    def key(self, camelot: str) -> str:
        """The id of a key."""
        return f"{self.start}{camelot}"

    def band(self, number: int) -> str:
        """The id of a tempo band."""
        return f"{self.start}{number}"

    def node(self, node: Node) -> str:
        """The id of an artist, album or genre; a track's place."""
        return (
            self.place(node.label)
            if node.kind == NodeType.TRACK
            else self._digest(node.kind.word, node.label)
        )

    def _digest(self, kind: str, label: str) -> str:
        return f"{self.start}{kind}:{blake2b(label.encode(), digest_size=16).hexdigest()}"


class Neo4jGraph:
    """TrackGraph on Neo4j."""

    def __init__(self, bolt: Bolt, library: str) -> None:
        """``library``: the name that separates this library from others on the same server."""
        self._bolt = bolt
        self._ids = Ids(library)
        self._prepared = False

    def put(self, tracks: Sequence[GraphTrack]) -> None:
        if not tracks:
            return
        self._prepare()
        ordered = sorted(tracks, key=lambda track: track.file)
        self._bolt.write(lambda transaction: _put(transaction, self._ids, ordered))

    def forget(self, files: Sequence[int]) -> None:
        ids = [self._ids.track(file) for file in sorted(files)]
        if ids:
            self._bolt.write(lambda transaction: _forget(transaction, ids))

    def clear(self) -> None:
        for statement in cypher.CLEAR:

            def delete_some(transaction: neo4j.Transaction, statement: LiteralString = statement) -> int:
                found = run(transaction, statement, start=self._ids.start, count=AT_ONCE)
                return int(found[0].value())

            while self._bolt.write(delete_some):
                pass
        self._prepared = False

    def counts(self) -> GraphCounts:
        def count(transaction: neo4j.Transaction) -> GraphCounts:
            return GraphCounts(
                **{
                    name: run(transaction, statement, start=self._ids.start)[0]["count"]
                    for name, statement in cypher.COUNT.items()
                }
            )

        return self._bolt.read(count)

    def track(self, path: bytes) -> GraphTrack | None:
        place = self._ids.place(to_document(path))
        found = self._bolt.read(lambda transaction: run(transaction, cypher.AT_PLACE, place=place))
        return _track(found[0]["t"]) if found else None

    def mixes(self, track: GraphTrack, limit: int, tempo_percent: float) -> tuple[Mix, ...]:
        return self._bolt.read(
            lambda transaction: find_mixes(_Tracks(transaction, self._ids), track, limit, tempo_percent)
        )

    def path(self, start: GraphTrack, goal: GraphTrack, tempo_percent: float) -> tuple[Mix, ...] | None:
        return self._bolt.read(
            lambda transaction: find_path(_Tracks(transaction, self._ids), start, goal, tempo_percent)
        )

    def connection(self, artist: str, other: str) -> tuple[ConnectionStep, ...] | None:
        def connect(transaction: neo4j.Transaction) -> tuple[ConnectionStep, ...] | None:
            for name in (artist, other):
                node = self._ids.node(artist_named(name))
                if not run(transaction, cypher.HAS_ARTIST, id=node)[0]["there"]:
                    raise NotFound(f"{name}: no artist of that name in the library")
            return find_chain(_Neighbours(transaction, self._ids), artist_named(artist), artist_named(other))

        return self._bolt.read(connect)

    def close(self) -> None:
        """Close every connection."""
        self._bolt.close()

    def _prepare(self) -> None:
        """Create the constraints and the Camelot wheel, once."""
        if self._prepared:
            return
        ids = self._ids
        keys = [
            {"id": ids.key(code), "library": ids.library, "camelot": code, "name": name}
            for code, name in KEYS.items()
        ]
        relations = [
            {"from": ids.key(code), "to": ids.key(to), "relation": relation, "weight": WEIGHTS[relation]}
            for code in KEYS
            for to, relation in related(code).items()
        ]

        def make_schema(transaction: neo4j.Transaction) -> None:
            for statement in cypher.SCHEMA:
                run(transaction, statement)

        def make_wheel(transaction: neo4j.Transaction) -> None:
            run(transaction, cypher.MERGE_KEYS, keys=keys)
            run(transaction, cypher.MERGE_WHEEL, relations=relations)

        self._bolt.write(make_schema)
        self._bolt.write(make_wheel)
        self._prepared = True


def _put(transaction: neo4j.Transaction, ids: Ids, tracks: Sequence[GraphTrack]) -> None:
    relations: dict[str, list[Values]] = {
        label: [] for label in ("Artist", "Album", "Genre", "TempoBand", "Key")
    }
    rows = []
    for track in tracks:
        own = _relations_of(ids, track)
        for label, relation in own:
            relations[label].append(relation)
        rows.append(
            {
                "id": ids.track(track.file),
                "values": _values(ids, track),
                "relations": [relation["to"] for _, relation in own],
            }
        )
    run(transaction, cypher.MERGE_TRACKS, tracks=rows)
    orphans = run(transaction, cypher.DELETE_OLD_RELATIONS, tracks=rows)
    for label, statement in (
        ("Artist", cypher.MERGE_ARTISTS),
        ("Album", cypher.MERGE_ALBUMS),
        ("Genre", cypher.MERGE_GENRES),
        ("TempoBand", cypher.MERGE_TEMPO_BANDS),
        ("Key", cypher.MERGE_TRACK_KEYS),
    ):
        run(
            transaction,
            statement,
            relations=sorted(relations[label], key=lambda relation: str(relation["to"])),
        )
    _delete_orphans(transaction, orphans)


def _forget(transaction: neo4j.Transaction, tracks: Sequence[str]) -> None:
    _delete_orphans(transaction, run(transaction, cypher.DELETE_TRACKS, ids=tracks))


def _delete_orphans(transaction: neo4j.Transaction, relations: Iterable[neo4j.Record]) -> None:
    """Delete nodes that have lost their last track."""
    found = [(relation["label"], relation["id"]) for relation in relations]
    for label, statement in cypher.DELETE_ORPHANS.items():
        if ids := sorted(node for kind, node in found if kind == label):
            run(transaction, statement, ids=ids)


def _relations_of(ids: Ids, track: GraphTrack) -> list[tuple[str, Values]]:
    """The relations of a track: the label of the other node, and the parameters of the statement that merges it."""
    here = ids.track(track.file)
    named = (
        artists_of(track.artist, track.album_artist)
        | album_of(track.album, track.album_artist, track.artist)
        | genres_of(track.genre)
    )
    relations: list[tuple[str, Values]] = []
    for node, name in named.items():
        values = {"library": ids.library, "label": node.label, "name": name}
        relations.append(
            (LABELS[node.kind], {"from": here, "to": ids.node(node), "name": name, "values": values})
        )
    if track.camelot is not None:
        relations.append(("Key", {"from": here, "to": ids.key(track.camelot)}))
    if track.band is not None:
        low = track.band * BAND_TENTHS / 10
        band = {"library": ids.library, "low": low, "high": low + BAND_TENTHS / 10}
        relations.append(("TempoBand", {"from": here, "to": ids.band(track.band), "values": band}))
    return relations


def _values(ids: Ids, track: GraphTrack) -> Values:
    """The properties of a track's node."""
    path = to_document(track.path)
    return {
        "id": ids.track(track.file),
        "library": ids.library,
        "file": track.file,
        "path": path,
        "place": ids.place(path),
        "audio": track.audio,
        **{name: getattr(track, name) for name in TAGS},
        "camelot": track.camelot,
        "key": track.key,
        "tempo": track.tempo,
        "bpm": track.bpm,
        "energy": track.energy,
        "key_id": None if track.point is None else ids.key(track.point[0]),
    }


def _track(node: Mapping[str, Any]) -> GraphTrack:
    return GraphTrack(
        node["file"],
        from_document(node["path"]),
        node["audio"],
        *[node.get(name) for name in (*TAGS, "camelot", "tempo", "energy")],
    )


class _Tracks:
    """Reads tracks for mixing."""

    def __init__(self, transaction: neo4j.Transaction, ids: Ids) -> None:
        self._transaction = transaction
        self._ids = ids

    def near(self, camelot: str, tempos: Ranges) -> Iterator[Candidate]:
        wanted = [list(tempo) for tempo in tempos]
        return self._found(cypher.NEAR, key=self._ids.key(camelot), tempos=wanted)

    def at(self, points: Sequence[Point]) -> Iterator[Candidate]:
        return self._found(cypher.AT_POINTS, points=[[self._ids.key(code), tempo] for code, tempo in points])

    def _found(self, statement: LiteralString, **values: object) -> Iterator[Candidate]:
        for file, path, *rest in self._transaction.run(statement, values):
            yield Candidate(file, from_document(path), *rest)

    def points(self) -> Iterator[Point]:
        found = self._transaction.run(cypher.POINTS, {"start": self._ids.start})
        yield from ((record[0], record[1]) for record in found)

    def tracks(self, files: Sequence[int]) -> dict[int, GraphTrack]:
        found = run(self._transaction, cypher.BY_FILE, ids=[self._ids.track(file) for file in files])
        return {track.file: track for track in (_track(record["t"]) for record in found)}


class _Neighbours:
    """Reads what artists have in common."""

    def __init__(self, transaction: neo4j.Transaction, ids: Ids) -> None:
        self._transaction = transaction
        self._ids = ids

    def neighbours(self, nodes: Collection[Node]) -> Iterator[tuple[Node, Node]]:
        for kind, ids in self._grouped(nodes):
            for name in ("common", "together") if kind == NodeType.ARTIST else (LABELS[kind],):
                for node, label, other in self._transaction.run(cypher.NEIGHBOURS[name], {"ids": ids}):
                    yield Node(kind, node), Node(KINDS[label], other)

    def names(self, nodes: Collection[Node]) -> dict[Node, str]:
        names: dict[Node, str] = {}
        for kind, ids in self._grouped(nodes):
            for label, spelled in run(self._transaction, cypher.NAMES[LABELS[kind]], ids=ids):
                names[Node(kind, label)] = (
                    track_title(min(spelled, default=None), from_document(label))
                    if kind == NodeType.TRACK
                    else min(spelled)
                )
        return names

    def _grouped(self, nodes: Collection[Node]) -> Iterator[tuple[NodeType, list[str]]]:
        for kind in NodeType:
            if ids := [self._ids.node(node) for node in nodes if node.kind == kind]:
                yield kind, ids
