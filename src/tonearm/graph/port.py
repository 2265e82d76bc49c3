"""The port of the graph, and the values that it returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tonearm.graph.harmony import Change, Relation
from tonearm.graph.track import GraphTrack, NodeType


@dataclass(frozen=True, slots=True)
class Mix:
    """A track that mixes with another, how, and how well: 0 to 1."""

    track: GraphTrack
    relation: Relation
    change: Change
    score: float


@dataclass(frozen=True, slots=True)
class ConnectionStep:
    """Two artists and what they have in common: a track, an album or a genre."""

    artist: str
    kind: NodeType
    name: str
    other: str


@dataclass(frozen=True, slots=True)
class GraphCounts:
    """Numbers of nodes in a graph; keys and tempo bands are counted if a track has them."""

    tracks: int
    artists: int
    albums: int
    genres: int
    keys: int
    tempo_bands: int


class TrackGraph(Protocol):
    """Tracks and how they are related.

    Every adapter gives the same answers for the same library. For mixing, files of the same audio are one track,
    which has the smallest of their paths. An adapter of a service raises ServiceUnavailable when that does not answer.
    """

    def put(self, tracks: Sequence[GraphTrack]) -> None:
        """Add or replace these files; repeating the call changes nothing.

        An adapter that reads the library itself does nothing.
        """

    def forget(self, files: Sequence[int]) -> None:
        """Remove these files, and artists, albums and genres that no file has any more. Unknown files are ignored."""

    def clear(self) -> None:
        """Remove everything."""

    def counts(self) -> GraphCounts:
        """Numbers of nodes in the graph."""

    def track(self, path: bytes) -> GraphTrack | None:
        """The track at a path, as the library has it; ``None`` if there is none, or it is missing."""

    def mixes(self, track: GraphTrack, limit: int, tempo_percent: float) -> tuple[Mix, ...]:
        """Tracks that mix with a track: with a related key, and a tempo change of at most ``tempo_percent``.

        Ordered by score, the best first, then by path. Empty for a track without key or tempo.
        """

    def path(self, start: GraphTrack, goal: GraphTrack, tempo_percent: float) -> tuple[Mix, ...] | None:
        """The shortest path from one track to another on which each track mixes with the one before it.

        The last track is the goal; empty if both have the same audio. Of several shortest paths it is the one whose
        next track always has the best score. ``None`` if there is no path, or a track has no key or tempo.
        """

    def connection(self, artist: str, other: str) -> tuple[ConnectionStep, ...] | None:
        """The shortest chain between two artists; ``None`` if there is none.

        Names are compared without regard to capitals and spaces. Of several shortest chains it is the first, ordered
        link by link by kind (track, album, genre) and name.

        Raises:
            NotFound: there is no such artist.
        """
