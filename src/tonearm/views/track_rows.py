"""Reads what is stored about some files, and makes tracks of it."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, select

from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import engine_text
from tonearm.library.curation_schema import locked_value_table
from tonearm.library.locked_values import LOCKED_COLUMNS, NO_LOCKS, Locks
from tonearm.library.one_of import among
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
from tonearm.views.columns import FILE_FIELDS
from tonearm.views.stale import differences
from tonearm.views.track import AUDIO_FIELDS, TAG_FIELDS, Track, TrackDetail


@dataclass(frozen=True, slots=True)
class Results:
    """What the analysers return.

    versions: the current version of each analyser, by its name. columns: the name of every column, in order.
    series: the name of every series, with the value that is shown where there is none.
    """

    versions: Mapping[str, int]
    columns: tuple[str, ...]
    series: Mapping[str, tuple[()] | None]


_OF_TRACK = (*AUDIO_FIELDS, *TAG_FIELDS)
"""The fields of tracks that are columns: the first ones of a row, in this order."""
_OF_DETAILS = (
    file_table.c.complete,
    file_table.c.warnings,
    file_table.c.remarks,
    audio_table.c.warnings.label("sound_warnings"),
)


class TrackRows:
    """Makes tracks of the rows of files."""

    def __init__(self, results: Results, tells_stale: bool = True) -> None:
        """``tells_stale``: whether tracks tell which of their results are of other versions."""
        self._results = results
        self._tells_stale = tells_stale
        self._engine = engine_text(results.versions)
        self._no_results = dict.fromkeys(results.columns)
        self._analyses = {name: analysis_table.alias(f"of_{name}") for name in results.versions}
        self._labels = [f"scalars_{name}" for name in results.versions]
        self._chosen = self._everything().where(among(file_table.c.id, "files"))

    def tracks(self, connection: Connection, files: Sequence[int]) -> list[Track]:
        """Tracks by the ids of their files, in the order given."""
        found = {row.id: self._track(row) for row in self._rows(connection, files)}
        return [found[file] for file in files if file in found]

    def details(self, connection: Connection, files: Sequence[int]) -> list[TrackDetail]:
        """The same, with everything that is stored about each."""
        rows = {row.id: row for row in self._rows(connection, files, _OF_DETAILS)}
        tags = {
            row.file_id: row
            for row in connection.execute(select(tags_table).where(tags_table.c.file_id.in_(rows)))
        }
        audio = {row.audio_id for row in rows.values() if row.audio_id is not None}
        analyses: dict[int, list[Row[Any]]] = defaultdict(list)
        for found in connection.execute(
            select(analysis_table)
            .where(analysis_table.c.audio_id.in_(audio))
            .order_by(analysis_table.c.analyser, analysis_table.c.version)
        ):
            analyses[found.audio_id].append(found)
        histories = _histories(connection, list(rows))
        return [
            self._detail(rows[file], tags.get(file), analyses[rows[file].audio_id], histories[file])
            for file in files
            if file in rows
        ]

    def _rows(
        self, connection: Connection, files: Sequence[int], also: Sequence[ColumnElement[Any]] = ()
    ) -> Sequence[Row[Any]]:
        chosen = self._chosen.add_columns(*also) if also else self._chosen
        return connection.execute(chosen, {"files": list(files)}).all()

    def _everything(self) -> Select[*tuple[Any, ...]]:
        """A query for everything that a list of tracks shows."""
        facts = [
            (file_table if name in FILE_FIELDS else audio_table).c[name]
            for name in AUDIO_FIELDS
            if name != "audio_hash"
        ]
        of_track = (
            audio_table.c.hash.label("audio_hash"),
            *facts,
            *[tags_table.c[name] for name in TAG_FIELDS],
        )
        chosen: Select[*tuple[Any, ...]] = (
            select(
                *of_track,
                file_table.c.id,
                file_table.c.state,
                file_table.c.engine,
                file_table.c.path,
                root_table.c.path.label("root"),
                file_table.c.audio_id,
                file_table.c.missing_since,
                *[alias.c.scalars.label(f"scalars_{name}") for name, alias in self._analyses.items()],
                *[column.label(f"locked_{column.name}") for column in LOCKED_COLUMNS],
            )
            .select_from(file_table)
            .join(root_table, root_table.c.id == file_table.c.root_id)
            .outerjoin(audio_table, audio_table.c.id == file_table.c.audio_id)
            .outerjoin(tags_table, tags_table.c.file_id == file_table.c.id)
            .outerjoin(locked_value_table, locked_value_table.c.audio_id == file_table.c.audio_id)
        )
        for name, alias in self._analyses.items():
            chosen = chosen.outerjoin(
                alias,
                and_(
                    alias.c.audio_id == file_table.c.audio_id,
                    alias.c.analyser == name,
                    alias.c.version == self._results.versions[name],
                ),
            )
        return chosen

    def _track(self, row: Row[Any]) -> Track:
        results = self._measured(row._mapping)  # the library's public name for a row as a mapping
        measured: dict[str, Any] = {}
        locks = _locks(row)
        if locks is not NO_LOCKS:
            counting = locks.counting(results)
            measured = {name: results.get(name) for name in counting}
            results |= counting
        return Track(
            id=row.id,
            path=os.path.join(row.root, row.path),
            state=row.state if row.missing_since is None else "missing",
            results=results,
            stale=self._stale(row),
            locked=locks.names if locks is not NO_LOCKS else (),
            measured=measured,
            **dict(zip(_OF_TRACK, row, strict=False)),
        )

    def _measured(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        results: dict[str, Any] = self._no_results.copy()
        for label in self._labels:
            results |= values[label] or {}
        return results

    def _stale(self, row: Row[Any]) -> dict[str, int | None]:
        """The analysers whose results are not from the present version, with the version that they are from."""
        if not self._tells_stale:
            return {}
        if row.state not in (JobState.DONE, JobState.PARTIAL) or row.engine == self._engine:
            return {}
        return {name: found for name, (_, found) in differences(row.engine, self._results.versions).items()}

    def _detail(
        self,
        row: Row[Any],
        tags: Row[Any] | None,
        analyses: Sequence[Row[Any]],
        history: Sequence[Mapping[str, Any]],
    ) -> TrackDetail:
        series: dict[str, Any] = {
            name: list(absent) if absent == () else absent for name, absent in self._results.series.items()
        }
        for analysis in analyses:
            if self._results.versions.get(analysis.analyser) == analysis.version:
                series |= analysis.series
        series |= _locks(row).series(series, self._measured(row._mapping), row.decoded_s)
        art = None
        if tags is not None:
            art = {"count": tags.art_count, "bytes": tags.art_bytes, "mime": tags.art_mime}
        return TrackDetail(
            track=self._track(row),
            complete=row.complete,
            remarks=row.remarks,
            warnings=[*(row.warnings or []), *(row.sound_warnings or [])],
            series=series,
            analysers=[{"name": a.analyser, "version": a.version, "made_at": a.made_at} for a in analyses],
            tags={} if tags is None else tags.everything,
            tags_b64={} if tags is None else tags.exact,
            tags_warning=None if tags is None else tags.warning,
            art=art,
            history=history,
        )


def _locks(row: Row[Any]) -> Locks:
    if row.locked_bpm is None and row.locked_camelot is None:
        return NO_LOCKS
    return Locks(row.locked_bpm, row.locked_first_beat_s, row.locked_camelot)


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
