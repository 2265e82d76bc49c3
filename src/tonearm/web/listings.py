"""Pages of tracks, runs, jobs, failed files and workers, and what goes with a track, as the API and GraphQL answer
them."""

from collections.abc import Sequence
from typing import Any

from tonearm.errors import ConfigurationError, NotFound
from tonearm.jobs.failed_jobs import START, FailedSelection
from tonearm.jobs.job import OPEN, JobState
from tonearm.views.liveness import read_liveness
from tonearm.views.mix_fields import mix_fields
from tonearm.views.outlook import with_outlooks
from tonearm.views.similar import similar_tracks
from tonearm.views.track import Track
from tonearm.views.tracks import TrackQuery
from tonearm.web import cursors
from tonearm.web.response_docs import place_at
from tonearm.web.service_parts import Parts

PageJson = dict[str, Any]
"""``items`` and ``next``, the cursor of the next page."""


def track_page(
    parts: Parts, query: TrackQuery, cursor: str | None, limit: int
) -> tuple[tuple[Track, ...], str | None]:
    """Tracks in the order of a column, then of their paths, and the cursor of those that follow.

    Raises InvalidCursor, NotFound and StorageError.
    """
    tracks = parts.library.tracks
    order = f"{'-' * query.descending}{query.sort}"
    after = cursors.to_tracks(cursor, order, lambda key: tracks.can_have(query.sort, key))
    page = tracks.page(query, after, limit)
    return page.tracks, cursors.of_tracks(page.end, order)


def mixes_with(parts: Parts, id: int, limit: int, tempo: float) -> list[dict[str, Any]]:  # noqa: A002  the API's name
    """What mixes with a track, the best first. ``tempo``: maximum change, in percent.

    Raises NotFound, ConfigurationError for a track without a key or a tempo, and StorageError.
    """
    track = parts.graph.track(parts.library.tracks.detail(id).track.path)
    if track is None:
        raise NotFound(f"track {id}: missing since the last scan, or not analysed yet")
    if track.camelot is None or track.tempo is None:
        raise ConfigurationError(f"track {id}: it has no key or no tempo to mix by")
    found = parts.graph.mixes(track, limit, tempo)
    return [{"id": each.track.file, **mix_fields(each)} for each in found]


def similar_to(parts: Parts, id: int, limit: int) -> list[dict[str, Any]]:  # noqa: A002  the API's name
    """The tracks that are nearest to one. Raises NotFound and StorageError."""
    tracks = parts.library.tracks
    found = similar_tracks(tracks, tracks.detail(id).track, limit)
    return [{"distance": each.distance, **each.track.to_json()} for each in found]


def run_page(parts: Parts, limit: int, cursor: str | None) -> PageJson:
    """The runs, the newest first; open ones with what is left of them. Raises InvalidCursor and StorageError."""
    library = parts.library
    alive = read_liveness(library.database)
    found = library.run_list.latest(limit + 1, cursors.to_id("runs", cursor))
    shown = with_outlooks(library.database, alive, [alive.run(run) for run in found[:limit]])
    following = cursors.of_id("runs", shown[-1].id if len(found) > limit else None)
    return {"items": [run.to_json() for run in shown], "next": following}


def job_page(
    parts: Parts,
    state: Sequence[str] | None,
    run: int | None,
    path: str | None,
    limit: int,
    cursor: str | None,
) -> PageJson:
    """Jobs by their states, the open ones by default. Raises ConfigurationError, NotFound and StorageError."""
    library = parts.library
    states = state or list(OPEN)
    known = [str(each) for each in JobState]
    if unknown := [each for each in states if each not in known]:
        raise ConfigurationError(f"state: {unknown[0]!r} is none of {', '.join(known)}")
    alive = read_liveness(library.database)
    found, end = library.job_list.page(states, place_at(parts, path), run, cursors.to_jobs(cursor), limit)
    return {"items": [alive.job(job).to_json() for job in found], "next": cursors.of_jobs(end)}


def failure_page(
    parts: Parts, code: Sequence[str] | None, path: str | None, limit: int, cursor: str | None
) -> PageJson:
    """Failed files, by code and then in the order in which they were queued. Raises NotFound and StorageError."""
    chosen = FailedSelection(place_at(parts, path), code or ())
    after = cursors.to_failures(cursor) or START
    found, end = parts.library.failures.page(chosen, limit, after)
    return {"items": [file.to_json() for file in found], "next": cursors.of_failures(end)}


def worker_page(parts: Parts, ended: bool, limit: int, cursor: str | None) -> PageJson:
    """The workers of a shared library by name. Raises InvalidCursor and StorageError."""
    found = parts.library.worker_list.page(ended, cursors.to_name("workers", cursor), limit + 1)
    following = cursors.of_name("workers", found[limit - 1].name if len(found) > limit else None)
    return {"items": [worker.to_json() for worker in found[:limit]], "next": following}
