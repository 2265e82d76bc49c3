"""Reads from a second graph while the first does not answer or is not up to date."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tonearm.errors import ServiceUnavailable, StorageError
from tonearm.events.event import Announce
from tonearm.events.facts import Warned
from tonearm.events.states import WarningCode
from tonearm.graph.port import ConnectionStep, GraphCounts, Mix, TrackGraph
from tonearm.graph.track import GraphTrack

Answer = TypeVar("Answer")


class FallbackGraph:
    """A graph that reads from either of two graphs of one library, and writes to the first only."""

    def __init__(
        self, first: TrackGraph, second: TrackGraph, pending: Callable[[], int], announce: Announce
    ) -> None:
        """``pending``: number of files with changes that the first graph does not have yet."""
        self._first = first
        self._second = second
        self._pending = pending
        self._announce = announce
        self._warned = False

    def put(self, tracks: Sequence[GraphTrack]) -> None:
        self._first.put(tracks)

    def forget(self, files: Sequence[int]) -> None:
        self._first.forget(files)

    def clear(self) -> None:
        self._first.clear()

    def counts(self) -> GraphCounts:
        return self._ask(lambda graph: graph.counts())

    def track(self, path: bytes) -> GraphTrack | None:
        return self._ask(lambda graph: graph.track(path))

    def mixes(self, track: GraphTrack, limit: int, tempo_percent: float) -> tuple[Mix, ...]:
        return self._ask(lambda graph: graph.mixes(track, limit, tempo_percent))

    def path(self, start: GraphTrack, goal: GraphTrack, tempo_percent: float) -> tuple[Mix, ...] | None:
        return self._ask(lambda graph: graph.path(start, goal, tempo_percent))

    def connection(self, artist: str, other: str) -> tuple[ConnectionStep, ...] | None:
        return self._ask(lambda graph: graph.connection(artist, other))

    def _ask(self, question: Callable[[TrackGraph], Answer]) -> Answer:
        if pending := self._pending():
            self._warn(f"{pending:,} files are not in the graph yet; the database answers instead")
            return question(self._second)
        try:
            return question(self._first)
        except StorageError:
            raise
        except ServiceUnavailable as error:
            self._warn(f"{error}; the database answers instead")
            return question(self._second)

    def _warn(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            self._announce(Warned(WarningCode.GRAPH_FALLBACK, text))
