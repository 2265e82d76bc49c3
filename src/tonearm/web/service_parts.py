"""What the routes of the service work with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonearm.analysis.declaration import AnalyserSpec
from tonearm.bootstrap.activity import Watched
from tonearm.bootstrap.library import Library
from tonearm.graph.port import TrackGraph
from tonearm.library.audit import Actor
from tonearm.library.data_version import DataVersion
from tonearm.views.reading import BoundedCount
from tonearm.views.stale import read_coverage
from tonearm.views.tracks import TrackQuery
from tonearm.web.activity_feed import ActivityFeed
from tonearm.web.audio_decoding import AudioDecoding
from tonearm.web.bulk_actions import BulkActions
from tonearm.web.guard import Guard
from tonearm.web.http_metrics import HttpMetrics
from tonearm.web.shared_counts import Counted


@dataclass(frozen=True, slots=True)
class Parts:
    """An opened library, and what the service adds to it.

    analysers: in the order in which their results are shown.
    """

    watched: Watched
    feed: ActivityFeed
    actions: BulkActions
    metrics: HttpMetrics
    analysers: Sequence[AnalyserSpec]
    guard: Guard
    audio: AudioDecoding
    graph: TrackGraph
    counted: Counted
    version: DataVersion

    @property
    def library(self) -> Library:
        """The opened library."""
        return self.watched.library

    def count(self, query: TrackQuery) -> BoundedCount:
        """How many tracks match, now or a moment ago. Raises StorageError."""
        found = self.counted.get(f"count {query!r}", lambda: self.library.tracks.count(query).to_json())
        return BoundedCount(found["total"], found["more"])

    def coverage(self) -> Mapping[str, Any]:
        """The JSON object of how far the results are from the present analysers. Raises StorageError."""
        versions = {spec.name: spec.version for spec in self.analysers}
        found: Mapping[str, Any] = self.counted.get(
            "coverage", lambda: read_coverage(self.library.database, versions).to_json()
        )
        return found

    def note(self, actor: Actor, action: str, about: Mapping[str, Any], rows: int | None = None) -> None:
        """Note in the audit what was done. ``rows``: how many rows were changed. Raises StorageError."""
        self.actions.repeated(lambda: self.library.audit.record(actor, action, about, rows))
