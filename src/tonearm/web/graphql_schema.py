"""The schema of GraphQL: the same rows as the API's, to choose fields from."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type

from tonearm.errors import ConfigurationError, NotFound
from tonearm.views.reading import PAGE
from tonearm.views.similar import MOST_SIMILAR
from tonearm.views.track import Track
from tonearm.web.api_mixes import MOST_TEMPO, USUAL, USUAL_TEMPO
from tonearm.web.api_models import FailureModel, JobModel, RunModel, WorkerModel, detail_model, track_model
from tonearm.web.api_tracks import Wanted
from tonearm.web.graphql_limits import MOST_ROWS
from tonearm.web.graphql_types import INT_64, Int64, of_mapping, page_of, type_of
from tonearm.web.ids import id_of
from tonearm.web.listings import (
    failure_page,
    job_page,
    mixes_with,
    run_page,
    similar_to,
    track_page,
    worker_page,
)
from tonearm.web.server_models import MixModel, similar_model
from tonearm.web.service_parts import Parts

Limit = Annotated[int, strawberry.argument(description=f"Maximum number of rows, up to {MOST_ROWS}.")]
Cursor = Annotated[str | None, strawberry.argument(description="`next` of the page before.")]
Sort = Annotated[str, strawberry.argument(description="A column; -COLUMN for descending.")]
Range = Annotated[
    list[str] | None,
    strawberry.argument(description="COLUMN:LOW-HIGH, such as bpm:120-128; both are included."),
]
Most = Annotated[int, strawberry.argument(description=f"Maximum number of tracks, up to {MOST_SIMILAR}.")]
Tempo = Annotated[float, strawberry.argument(description="Maximum change of tempo, in percent.")]
Text = str | None
MOST_TEXTS, LONGEST_TEXT = 50, 200


class Batch:
    """The tracks of one page; what is stored about them beyond the list is read for all of them at once."""

    def __init__(self, parts: Parts, tracks: Sequence[Track]) -> None:
        self._parts = parts
        self._lists = {track.id: track.to_json() for track in tracks}
        self._details: Mapping[int, Mapping[str, Any]] | None = None

    def rows(self) -> list[tuple["Batch", int]]:
        """What stands for each track."""
        return [(self, file) for file in self._lists]

    def value(self, file: int, name: str) -> Any:
        """The value of a field of a track."""
        listed = self._lists[file]
        if name in listed:
            return listed[name]
        if self._details is None:
            found = self._parts.library.tracks.details(list(self._lists))
            self._details = {each.track.id: each.to_json() for each in found}
        return self._details.get(file, {}).get(name)


class Schema(strawberry.Schema):
    """A schema whose errors are answered, not logged: the route says what went wrong."""

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Do nothing."""


def make_schema(parts: Parts) -> Schema:
    """The schema over a library."""
    track = type_of(detail_model(track_model(parts.analysers), parts.analysers), "Track", _of_track)
    fields = [_tracks(parts, track), _track(parts, track), *_beside(parts), *_queue(parts)]
    query = create_type("Query", fields, description="What can be asked for.")
    return Schema(query, config=StrawberryConfig(auto_camel_case=False, scalar_map={Int64: INT_64}))


def _of_track(row: tuple[Batch, int], name: str) -> Any:
    batch, file = row
    return batch.value(file, name)


def _tracks(parts: Parts, track: Any) -> Any:
    def tracks(
        artist: Text = None,
        album: Text = None,
        title: Text = None,
        genre: Text = None,
        codec: Text = None,
        key: Text = None,
        neighbours: bool = False,
        state: Text = None,
        path: Text = None,
        missing: bool = False,
        stale: bool = False,
        range: Range = None,  # noqa: A002  the API's name
        sort: Sort = "path",
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> Any:
        _short(artist, album, title, genre, codec, key, *(range or ()))
        texts = {"artist": artist, "album": album, "title": title, "genre": genre, "codec": codec}
        wanted = Wanted(texts, key, neighbours, state, path, missing, stale, None, (range or [])[:10], sort)
        found, following = track_page(parts, wanted.query(parts), cursor, _rows(limit))
        return {"items": Batch(parts, found).rows(), "next": following}

    said = "Tracks that meet all conditions, in the order of a column, then of their paths."
    return _returning(tracks, page_of(track, "TrackPage"), said)


def _track(parts: Parts, track: Any) -> Any:
    def one(id: Int64) -> Any:  # noqa: A002  the API's name
        try:
            return Batch(parts, [parts.library.tracks.detail(id_of(id)).track]).rows()[0]
        except NotFound:
            return None

    return _returning(one, track, "One track, by the id of its file; null where there is none.", "track")


def _beside(parts: Parts) -> list[Any]:
    """What goes with one track; ``null`` where there is no such track, or nothing to compare it by."""

    def mixes(id: Int64, limit: Most = USUAL, tempo: Tempo = USUAL_TEMPO) -> Any:  # noqa: A002  the API's name
        if not 0 <= tempo <= MOST_TEMPO:
            raise ConfigurationError(f"tempo: {tempo} is not from 0 to {MOST_TEMPO:.0f}")
        return mixes_with(parts, id_of(id), _most(limit), tempo)

    def similar(id: Int64, limit: Most = USUAL) -> Any:  # noqa: A002  the API's name
        return similar_to(parts, id_of(id), _most(limit))

    near = type_of(similar_model(track_model(parts.analysers)), "SimilarTrack", of_mapping)
    return [
        _returning(
            mixes,
            list[type_of(MixModel, "Mix", of_mapping)],  # type: ignore[misc]  # a type that is made here
            "Tracks with a related key and a similar tempo, the best first; as `tonearm mix`.",
        ),
        _returning(
            similar,
            list[near],  # type: ignore[valid-type]  # a type that is made here
            "Tracks of about its tempo, its half or double, the nearest in sound first.",
        ),
    ]


def _queue(parts: Parts) -> list[Any]:
    def runs(limit: Limit = PAGE, cursor: Cursor = None) -> Any:
        return run_page(parts, _rows(limit), cursor)

    def jobs(
        state: list[str] | None = None,
        run: Int64 | None = None,
        path: Text = None,
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> Any:
        _short(*(state or ()))
        number = None if run is None else id_of(run)
        return job_page(parts, state, number, path, _rows(limit), cursor)

    def failures(
        code: list[str] | None = None, path: Text = None, limit: Limit = PAGE, cursor: Cursor = None
    ) -> Any:
        _short(*(code or ()))
        return failure_page(parts, code, path, _rows(limit), cursor)

    def workers(ended: bool = False, limit: Limit = PAGE, cursor: Cursor = None) -> Any:
        return worker_page(parts, ended, _rows(limit), cursor)

    return [
        _returning(runs, _page(RunModel, "Run"), "The runs, the newest first."),
        _returning(jobs, _page(JobModel, "Job"), "Running jobs, then waiting ones, then ended ones."),
        _returning(failures, _page(FailureModel, "Failure"), "Failed files, by code."),
        _returning(workers, _page(WorkerModel, "Worker"), "The workers of a shared library, by name."),
    ]


def _page(model: Any, name: str) -> Any:
    return page_of(type_of(model, name, of_mapping), f"{name}Page")


def _returning(resolver: Any, kind: Any, description: str, name: str | None = None) -> Any:
    resolver.__annotations__["return"] = kind | None  # so that what fails does not take the rest with it
    return strawberry.field(resolver=resolver, name=name or resolver.__name__, description=description)


def _short(*texts: str | None) -> None:
    """Raise ConfigurationError for texts that nobody means."""
    if len(texts) > MOST_TEXTS or any(text is not None and len(text) > LONGEST_TEXT for text in texts):
        raise ConfigurationError(
            f"more than {MOST_TEXTS} texts, or one of more than {LONGEST_TEXT} characters"
        )


def _most(limit: int) -> int:
    if not 1 <= limit <= MOST_SIMILAR:
        raise ConfigurationError(f"limit: {limit} is not from 1 to {MOST_SIMILAR}")
    return limit


def _rows(limit: int) -> int:
    if not 1 <= limit <= MOST_ROWS:
        raise ConfigurationError(f"limit: {limit} is not from 1 to {MOST_ROWS}")
    return limit
