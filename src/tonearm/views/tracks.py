"""The tracks of a library: filtered, sorted and read page by page."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

from tonearm.errors import NotFound
from tonearm.jobs.job_sql import engine_text
from tonearm.library.database import Database
from tonearm.library.features import FeatureTables
from tonearm.library.roots import Place
from tonearm.views import conditions
from tonearm.views.columns import search_columns
from tonearm.views.conditions import Condition
from tonearm.views.index_walks import Position
from tonearm.views.reading import COUNTED, MANY_AT_ONCE, PAGE, BoundedCount, reading
from tonearm.views.search import Search
from tonearm.views.track import Track, TrackDetail
from tonearm.views.track_rows import Results, TrackRows

Shown = TypeVar("Shown", Track, TrackDetail)
Read = Callable[[Connection, Sequence[int]], list[Shown]]
STATES = ("done", "partial", "quarantined", "waiting", "left-out")
"""The states that tracks can be filtered by."""
KEY_NAMES = ("key", "camelot", "open_key")
"""The columns that hold the same key under different names."""


@dataclass(frozen=True, slots=True)
class TrackQuery:
    """Which tracks, in which order.

    place: at or below a path. texts: parts of texts by column; case makes no difference. keys: any of these keys, each
    in any notation. ranges: lowest and highest value by column, both included. missing: missing files instead of the
    others.
    stale: only files with results that are missing or from other versions than the present ones.
    measured: only files with results of an analyser in a version, or, with ``None``, without any of it.
    locked: only files of whose sound a person has locked something. sort: a column;
    tracks without a value come last, equal ones in the order of their paths.
    """

    place: Place | None = None
    state: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    missing: bool = False
    stale: bool = False
    measured: tuple[str, int | None] | None = None
    locked: bool = False
    sort: str = "path"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class TrackPage:
    """Consecutive tracks; ``end`` is the position where the next page begins, ``None`` after the last track."""

    tracks: tuple[Track, ...]
    end: Position | None


class Tracks:
    """The tracks of a library."""

    def __init__(self, database: Database, features: FeatureTables, results: Results) -> None:
        self._database = database
        self._rows = TrackRows(results)
        self._columns = search_columns(features)
        self._engine = engine_text(results.versions)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that tracks can be sorted by."""
        return ("path", *self._columns)

    @property
    def number_columns(self) -> tuple[str, ...]:
        """Every column that tracks can be filtered by from a lowest to a highest value."""
        return tuple(name for name, column in self._columns.items() if not column.is_text)

    def can_have(self, sort: str, key: Any) -> bool:
        """Whether a list in the order of ``sort`` can have a position with ``key``."""
        return key is None if sort == "path" else self._columns[sort].can_have(key)

    def page(self, query: TrackQuery, after: Position | None = None, limit: int = PAGE) -> TrackPage:
        """The tracks that follow after a position, or the first ones, as one transaction sees them."""
        tracks, end = self._page(query, after, limit, self._rows.tracks)
        return TrackPage(tuple(tracks), end)

    def each(self, query: TrackQuery, limit: int | None = None) -> Iterator[Track]:
        """All matching tracks, or the first ``limit`` of them, read page by page while they are asked for.

        No transaction is open between two pages, so that a slow reader does not keep the database from removing old row
        versions. A track whose position in the list changes meanwhile may be returned twice or not at all.
        """
        yield from self._pages(query, limit, self._rows.tracks)

    def each_detail(self, query: TrackQuery, limit: int | None = None) -> Iterator[TrackDetail]:
        """Like ``each``, with everything that is stored about each track."""
        yield from self._pages(query, limit, self._rows.details)

    def detail(self, file: int) -> TrackDetail:
        """Everything that is stored about one track, by the id of its file. Raises NotFound."""
        with reading(self._database) as connection:
            found = self._rows.details(connection, [file])
        if not found:
            raise NotFound(f"track {file}: not in the library")
        return found[0]

    def details(self, files: Sequence[int]) -> list[TrackDetail]:
        """Everything that is stored about tracks, by the ids of their files; unknown ones are left out."""
        with reading(self._database) as connection:
            return self._rows.details(connection, files)

    def count(self, query: TrackQuery) -> BoundedCount:
        """How many tracks match, counted up to ``COUNTED``."""
        with reading(self._database) as connection:
            number = self._search(connection, query).count(COUNTED + 1)
        return BoundedCount.of(number)

    def _pages(self, query: TrackQuery, limit: int | None, read: "Read[Shown]") -> Iterator[Shown]:
        after: Position | None = None
        left = sys.maxsize if limit is None else limit
        while left > 0:
            shown, after = self._page(query, after, min(left, MANY_AT_ONCE), read)
            yield from shown
            left = 0 if after is None else left - len(shown)

    def _page(
        self, query: TrackQuery, after: Position | None, limit: int, read: "Read[Shown]"
    ) -> tuple[list[Shown], Position | None]:
        with reading(self._database) as connection:
            hits = self._search(connection, query).page(after, limit + 1)
            shown = read(connection, [hit.file for hit in hits[:limit]])
        return shown, hits[limit - 1].position if len(hits) > limit else None

    def _search(self, connection: Connection, query: TrackQuery) -> Search:
        order = None if query.sort == "path" else self._columns[query.sort]
        wanted = self._wanted(connection, query)
        return Search(connection, wanted, order, query.descending, query.place, query.missing)

    def _wanted(self, connection: Connection, query: TrackQuery) -> list[Condition]:
        wanted = [conditions.between(self._columns[name], *ends) for name, ends in query.ranges.items()]
        if query.place is not None:
            wanted.append(conditions.at(query.place))
        if query.state is not None:
            wanted.append(conditions.with_key(self._columns["state"], query.state, "state"))
        if query.stale:
            wanted.append(conditions.stale(self._engine))
        if query.measured is not None:
            wanted.append(conditions.measured(*query.measured))
        if query.locked:
            wanted.append(conditions.locked())
        if query.keys:
            names = [self._columns[name] for name in KEY_NAMES if name in self._columns]
            wanted.append(conditions.named(connection, names, query.keys))
        for name, part in query.texts.items():
            wanted.append(conditions.containing(connection, self._columns[name], part))
        return wanted
