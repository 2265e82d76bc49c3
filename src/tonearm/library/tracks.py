"""Reads tracks: one row a file with its tags, technical facts and current results."""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, select

from tonearm.library.bulk_write import among
from tonearm.library.column_types import sort_key, storable_text
from tonearm.library.database import Database
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import (
    analysis_table,
    audio_table,
    file_table,
    history_table,
    job_table,
    root_table,
    tags_table,
)
from tonearm.names import from_document, path_fields

BATCH = 200
"""Tracks that are fetched at once."""

DURATION_S: ColumnElement[float | None] = case(
    (file_table.c.declared_s > audio_table.c.decoded_s, file_table.c.declared_s),
    else_=func.coalesce(audio_table.c.decoded_s, file_table.c.declared_s),
)
"""The longer of both: of a file that was cut off, what it was; of files that were joined, all of them."""

TAG_FIELDS = ("title", "artist", "album", "album_artist", "track", "disc", "year", "genre")
AUDIO_COLUMNS: dict[str, ColumnElement[Any]] = {
    "audio_hash": audio_table.c.hash,
    "duration_s": DURATION_S,
    "decoded_s": audio_table.c.decoded_s,
    "codec": audio_table.c.codec,
    "container": file_table.c.container,
    "sample_rate_hz": audio_table.c.sample_rate_hz,
    "channels": audio_table.c.channels,
    "bit_depth": audio_table.c.bit_depth,
    "bit_rate_bps": file_table.c.bit_rate_bps,
}
Versions = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TrackQuery:
    """Which tracks, in which order. Texts match as case-insensitive parts; ranges include their ends."""

    place: Place | None = None
    state: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    bpm: tuple[float, float] | None = None
    missing: bool = False
    sort: str = "path"
    descending: bool = False
    limit: int | None = None
    full: bool = False


@dataclass(frozen=True, slots=True)
class Totals:
    """How much a library holds, of what was last seen on disk."""

    files: int
    duration_s: float
    states: Mapping[str, int]


class Tracks:
    """The tracks of a library."""

    def __init__(
        self, database: Database, versions: Versions, scalars: Mapping[str, tuple[str, type]]
    ) -> None:
        """``scalars``: for each result column the analyser it comes from and its type."""
        self._database = database
        self._versions = dict(versions)
        self._analyses = {name: analysis_table.alias(f"of_{name}") for name in versions}
        self._scalars = dict(scalars)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column a track can be sorted by."""
        return ("path", "state", *AUDIO_COLUMNS, *TAG_FIELDS, *self._scalars)

    def each(self, query: TrackQuery, take: Callable[[dict[str, Any]], None]) -> int:
        """Hand every matching track to ``take``, as plain values ready for JSON; returns how many.

        Which they are is decided at the beginning; each is as it is when its turn comes. No transaction is open while
        ``take`` works: it may be a person who reads, and what is read would keep the database from tidying up.
        """
        count = 0
        with self._database.read() as connection:
            files = connection.execute(self._chosen(query)).scalars().all()
        for start in range(0, len(files), BATCH):
            for track in self._read(query, files[start : start + BATCH]):
                take(track)
                count += 1
        return count

    def _read(self, query: TrackQuery, files: Sequence[int]) -> list[dict[str, Any]]:
        """Some tracks, in the order given."""
        with self._database.read() as connection:
            chosen = self._whole().where(among(file_table.c.id, "files"))
            rows = connection.execute(chosen, {"files": list(files)}).all()
            more = self._more(connection, rows) if query.full else {}
        found = {row.id: self._track(row) | more.get(row.id, {}) for row in rows}
        return [found[file] for file in files if file in found]

    def totals(self) -> Totals:
        """Count files by state and add up their music."""
        duration = func.sum(
            func.coalesce(audio_table.c.decoded_s, file_table.c.declared_s)
        )  # what can be heard
        with self._database.read() as connection:
            rows = connection.execute(
                select(file_table.c.state, func.count().label("files"), duration.label("duration_s"))
                .outerjoin(audio_table, audio_table.c.id == file_table.c.audio_id)
                .where(file_table.c.missing_since.is_(None), file_table.c.moved_to_id.is_(None))
                .group_by(file_table.c.state)
                .order_by(file_table.c.state)
            ).all()
        return Totals(
            sum(row.files for row in rows),
            sum(row.duration_s or 0.0 for row in rows),
            {row.state: row.files for row in rows},
        )

    def _whole(self) -> Select[*tuple[Any, ...]]:
        """All that is known of tracks, in columns."""
        return self._of_files(
            file_table.c.id,
            file_table.c.state,
            file_table.c.path,
            root_table.c.path.label("root"),
            file_table.c.audio_id,
            file_table.c.missing_since,
            file_table.c.complete,
            file_table.c.warnings,
            audio_table.c.warnings.label("sound_warnings"),
            *[column.label(name) for name, column in AUDIO_COLUMNS.items()],
            *[tags_table.c[name] for name in TAG_FIELDS],
            *[alias.c.scalars.label(f"scalars_{name}") for name, alias in self._analyses.items()],
        )

    def _of_files(self, *columns: Any) -> Select[*tuple[Any, ...]]:
        """Columns of files, with all that belongs to them at hand."""
        selected: Select[*tuple[Any, ...]] = (
            select(*columns)
            .select_from(file_table)
            .join(root_table, root_table.c.id == file_table.c.root_id)
            .outerjoin(audio_table, audio_table.c.id == file_table.c.audio_id)
            .outerjoin(tags_table, tags_table.c.file_id == file_table.c.id)
        )
        for name, alias in self._analyses.items():
            selected = selected.outerjoin(
                alias,
                and_(
                    alias.c.audio_id == file_table.c.audio_id,
                    alias.c.analyser == name,
                    alias.c.version == self._versions[name],
                ),
            )
        return selected

    def _chosen(self, query: TrackQuery) -> Select[*tuple[Any, ...]]:
        """The ids of the tracks that match, in the order wanted."""
        selected = self._of_files(file_table.c.id).where(*self._conditions(query))
        places: list[ColumnElement[Any]] = [root_table.c.path, file_table.c.path]
        if query.sort == "path":
            ranked = [place.desc() if query.descending else place.asc() for place in places]
            return selected.order_by(*ranked).limit(query.limit)
        order = sort_key(self._column(query.sort))
        return selected.order_by(
            order.is_(None), order.desc() if query.descending else order.asc(), *places
        ).limit(query.limit)

    def _conditions(self, query: TrackQuery) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [
            file_table.c.moved_to_id.is_(None),
            file_table.c.missing_since.is_not(None)
            if query.missing
            else file_table.c.missing_since.is_(None),
        ]
        if query.place is not None:
            conditions.append(in_place(query.place))
        if query.state is not None:
            conditions.append(file_table.c.state == query.state)
        for name, text in query.texts.items():
            conditions.append(func.tonearm_has(self._column(name), storable_text(text)))
        if query.key is not None:
            wanted = storable_text(query.key).lower()
            named = [func.lower(self._column(name)) == wanted for name in ("key", "camelot", "open_key")]
            conditions.append(named[0] | named[1] | named[2])
        if query.bpm is not None:
            conditions.append(self._column("bpm").between(*query.bpm))
        return conditions

    def _column(self, name: str) -> ColumnElement[Any]:
        if name == "path":
            return file_table.c.path
        if name == "state":
            return file_table.c.state
        if name in AUDIO_COLUMNS:
            found: ColumnElement[Any] = AUDIO_COLUMNS[name]
            return found
        if name in TAG_FIELDS:
            column: ColumnElement[Any] = tags_table.c[name]
            return column
        analyser, kind = self._scalars[name]
        value = self._analyses[analyser].c.scalars[name]
        typed: ColumnElement[Any] = value.as_string() if kind is str else value.as_float()
        return typed

    def _track(self, row: Row[Any]) -> dict[str, Any]:
        values = row._mapping  # the library's public name for a row as a mapping
        track: dict[str, Any] = {
            **path_fields(os.path.join(row.root, row.path)),
            "state": row.state if row.missing_since is None else "missing",
        }
        track |= {name: values[name] for name in (*AUDIO_COLUMNS, *TAG_FIELDS)}
        for name in self._analyses:
            track |= values[f"scalars_{name}"] or {}
        return track | {name: None for name in self._scalars if name not in track}

    def _more(self, connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, dict[str, Any]]:
        """What is shown of one track only, by file: series, every tag, analysers, warnings, history."""
        files = [row.id for row in rows]
        tags = {
            row.file_id: row
            for row in connection.execute(select(tags_table).where(tags_table.c.file_id.in_(files)))
        }
        analyses: dict[int, list[Row[Any]]] = defaultdict(list)
        for found in connection.execute(
            select(analysis_table)
            .where(analysis_table.c.audio_id.in_({row.audio_id for row in rows if row.audio_id is not None}))
            .order_by(analysis_table.c.analyser, analysis_table.c.version)
        ):
            analyses[found.audio_id].append(found)
        histories = _histories(connection, files)
        return {
            row.id: {
                "complete": row.complete,
                "warnings": [*(row.warnings or []), *(row.sound_warnings or [])],
            }
            | self._measured(analyses[row.audio_id])
            | _tagged(tags.get(row.id))
            | {"history": histories[row.id]}
            for row in rows
        }

    def _measured(self, analyses: Sequence[Row[Any]]) -> dict[str, Any]:
        series: dict[str, Any] = {"beats": [], "tempo_windows": [], "chroma": None, "loudness_curve": None}
        for analysis in analyses:
            if self._versions.get(analysis.analyser) == analysis.version:
                series |= analysis.series
        named = [{"name": a.analyser, "version": a.version, "made_at": a.made_at} for a in analyses]
        return series | {"analysers": named}


def _tagged(tags: Row[Any] | None) -> dict[str, Any]:
    if tags is None:
        return {"tags": {}, "tags_warning": None, "art": None}
    return {
        "tags": tags.everything,
        "tags_warning": tags.warning,
        "art": {"count": tags.art_count, "bytes": tags.art_bytes, "mime": tags.art_mime},
    }


def _histories(connection: Connection, files: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Everything that happened to each file, oldest first."""
    events: dict[int, list[dict[str, Any]]] = {
        row.id: [{"at": row.found_at, "what": "found"}]
        for row in connection.execute(
            select(file_table.c.id, file_table.c.found_at).where(file_table.c.id.in_(files))
        )
    }
    for row in connection.execute(
        select(history_table).where(history_table.c.file_id.in_(files)).order_by(history_table.c.id)
    ):
        detail = dict(row.detail)
        if "from" in detail:
            detail |= path_fields(from_document(detail["from"]), "from")
        events[row.file_id].append({"at": row.at, "what": row.what} | detail)
    for job in connection.execute(
        select(job_table).where(job_table.c.file_id.in_(files)).order_by(job_table.c.id)
    ):
        events[job.file_id].append(
            {
                "at": job.finished_at or job.started_at or job.queued_at,
                "what": f"analysis {job.state}",
                "run": job.run_id,
                "attempts": job.attempts - job.uncharged_attempts,
                "work_s": round(job.work_s, 3),
                "code": job.code,
                "reason": job.reason,
            }
        )
    return {file: sorted(past, key=lambda event: float(event["at"])) for file, past in events.items()}
