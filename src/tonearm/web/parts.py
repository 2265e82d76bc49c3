"""What the routes of the service work with."""

from collections.abc import Sequence
from dataclasses import dataclass

from tonearm.analysis.declaration import AnalyserSpec
from tonearm.bootstrap.activity import Watched
from tonearm.bootstrap.library import Library
from tonearm.web.activity_feed import ActivityFeed
from tonearm.web.bulk_actions import BulkActions
from tonearm.web.http_metrics import HttpMetrics


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

    @property
    def library(self) -> Library:
        """The opened library."""
        return self.watched.library
