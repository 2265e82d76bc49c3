"""The port of the graph: what can be asked, whichever adapter answers."""

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
    """How much a graph holds; keys and tempo bands are counted when a track has them."""

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
        """Make the graph show these files as they are given; putting the same again changes nothing.

        An adapter that reads the library itself has nothing to do.
        """

    def forget(self, files: Sequence[int]) -> None:
        """Remove these files, and artists, albums and genres that no file has any more. Unknown files are ignored."""

    def clear(self) -> None:
        """Remove everything."""

    def counts(self) -> GraphCounts:
        """How much the graph holds."""

    def track(self, path: bytes) -> GraphTrack | None:
        """The track at a path, as the library knows it; ``None`` when there is none, or it went missing."""

    def mixes(self, track: GraphTrack, limit: int, tempo_percent: float) -> tuple[Mix, ...]:
        """What mixes with a track: a related key, and a tempo that need not change by more than ``tempo_percent``.

        The best first, by score; equal ones by path. Empty for a track without key or tempo.
        """

    def path(self, start: GraphTrack, goal: GraphTrack, tempo_percent: float) -> tuple[Mix, ...] | None:
        """The shortest way from one track to another on which each mixes with the one before it.

        The last is the goal; empty when both are the same audio. Of several shortest ways it is the one whose next
        track always has the best score. ``None`` when there is no way, or one of them has no key or tempo.
        """

    def connection(self, artist: str, other: str) -> tuple[ConnectionStep, ...] | None:
        """How two artists are connected, over as few others as possible; ``None`` when they are not.

        Names are compared without regard to capitals and spaces. Of several shortest chains it is the first when
        they are put in order: by kind (track, album, genre), then by name, link for link.

        Raises:
            NotFound: there is no such artist.
        """
