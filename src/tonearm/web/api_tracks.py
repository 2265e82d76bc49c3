"""``/api/v1/tracks``: lists of tracks, their number, and everything about one."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from tonearm.errors import ConfigurationError
from tonearm.graph.key_names import chosen_keys
from tonearm.views.reading import PAGE
from tonearm.views.tracks import STATES, TrackQuery
from tonearm.web.access import Who
from tonearm.web.api_models import CountModel, LockChange, Page, detail_model, listed_model, track_model
from tonearm.web.json_response import Json, TrackJson
from tonearm.web.listings import track_page
from tonearm.web.query_route import QueryRoute
from tonearm.web.response_docs import Cursor, Id, Limit, described, place_at, without_thread
from tonearm.web.server_models import CoverageModel
from tonearm.web.service_parts import Parts
from tonearm.web.value_locks import change_lock

RANGE = re.compile(r"(-?\d{1,12}(?:\.\d{1,12})?)-(-?\d{1,12}(?:\.\d{1,12})?)")
NONE = "none"
MEASURED = re.compile(rf"(\w{{1,60}}):(\d{{1,6}}|{NONE})", re.ASCII)
Text = Annotated[str | None, Query(max_length=200, description="A part of it; case makes no difference.")]

Fields = Annotated[
    str | None,
    Query(
        max_length=2000,
        description="Names of fields, with commas between them, such as title,artist,bpm; all where none is named.",
    ),
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tracks, as a request says it; an empty text asks for nothing.

    neighbours: also the keys next to ``key`` on the Camelot wheel. ranges: each ``COLUMN:LOW-HIGH``.
    measured: ``ANALYSER:VERSION``.
    sort: ``COLUMN``, or ``-COLUMN`` for descending.
    """

    texts: Mapping[str, str | None]
    key: str | None = None
    neighbours: bool = False
    state: str | None = None
    path: str | None = None
    missing: bool = False
    stale: bool = False
    measured: str | None = None
    ranges: Sequence[str] = ()
    sort: str = "path"

    def query(self, parts: Parts) -> TrackQuery:
        """The query. Raises ConfigurationError and NotFound."""
        columns = parts.library.tracks.columns
        column = self.sort.removeprefix("-")
        if column not in columns:
            raise ConfigurationError(f"sort: there is no column {column!r}")
        if self.state and self.state not in STATES:
            raise ConfigurationError(f"state: {self.state!r} is none of {', '.join(STATES)}")
        return TrackQuery(
            place=place_at(parts, self.path or None),
            state=self.state or None,
            texts={name: text for name, text in self.texts.items() if text},
            keys=_keys(self.key, self.neighbours),
            ranges=dict(_range(each, parts) for each in self.ranges if each),
            missing=self.missing,
            stale=self.stale,
            measured=_measured(self.measured or None),
            sort=column,
            descending=self.sort.startswith("-"),
        )


def wanted_tracks(
    artist: Text = None,
    album: Text = None,
    title: Text = None,
    genre: Text = None,
    codec: Text = None,
    key: Annotated[str | None, Query(max_length=20, description="Such as A minor, Am, 8A or 1m.")] = None,
    neighbours: Annotated[
        bool,
        Query(description="Also the keys next to `key` on the Camelot wheel, such as 7A, 9A and 8B for 8A."),
    ] = False,
    state: Annotated[str | None, Query(description=", ".join(STATES))] = None,
    path: Annotated[str | None, Query(max_length=4096, description="Tracks at or below it.")] = None,
    missing: Annotated[bool, Query(description="Files that the last scan did not find.")] = False,
    stale: Annotated[
        bool, Query(description="Files whose results are not from the present analysers.")
    ] = False,
    measured: Annotated[
        str | None,
        Query(
            max_length=100,
            description="ANALYSER:VERSION, such as rhythm:5: files with results of it; ANALYSER:none: files without.",
        ),
    ] = None,
    range: Annotated[  # noqa: A002  the API's name
        list[str] | None,
        Query(max_length=10, description="COLUMN:LOW-HIGH, such as bpm:120-128; both are included."),
    ] = None,
    sort: Annotated[str, Query(max_length=60, description="A column; -COLUMN for descending.")] = "path",
) -> Wanted:
    """Which tracks, from the parameters of a request."""
    texts = {"artist": artist, "album": album, "title": title, "genre": genre, "codec": codec}
    return Wanted(texts, key, neighbours, state, path, missing, stale, measured, range or (), sort)


Filter = Annotated[Wanted, Depends(without_thread(wanted_tracks))]


def routes(parts: Parts) -> APIRouter:
    """The routes over tracks."""
    router = APIRouter(prefix="/tracks", tags=["tracks"], route_class=QueryRoute)
    track = track_model(parts.analysers)
    listed = listed_model(track)

    @router.get("", responses=described(Page[listed], 400, 404), summary="List tracks")  # type: ignore[valid-type]  # made from the analysers
    def tracks(wanted: Filter, limit: Limit = PAGE, cursor: Cursor = None, fields: Fields = None) -> Json:
        """Tracks that meet all conditions, in the order of a column, then of their paths."""
        chosen = chosen_fields(fields, listed.model_fields)
        found, following = track_page(parts, wanted.query(parts), cursor, limit)
        items = [each.to_json() for each in found]
        if chosen:
            items = [{name: item[name] for name in chosen if name in item} for item in items]
        return TrackJson({"items": items, "next": following})

    @router.get("/count", responses=described(CountModel, 400, 404), summary="Count tracks")
    def count(wanted: Filter) -> Json:
        """How many tracks meet all conditions, counted up to 10,000."""
        return Json(parts.count(wanted.query(parts)).to_json())

    @router.get("/coverage", responses=described(CoverageModel), summary="Count tracks by version")
    def coverage() -> Json:
        """How many files have results of which version of each analyser, and how many lack them."""
        return Json(parts.coverage())

    @router.get(
        "/{id}", responses=described(detail_model(track, parts.analysers), 404), summary="Show one track"
    )
    def one(id: Id) -> Json:  # noqa: A002  the API's name
        """Everything that is stored about one track."""
        return Json(parts.library.tracks.detail(id).to_json())

    @router.post(
        "/{id}/locks", responses=described(track, 400, 404, changes=True), summary="Set tempo and key by hand"
    )
    def lock(id: Id, wanted: LockChange, who: Who) -> Json:  # noqa: A002  the API's name
        """What is set counts everywhere, for every file with this sound; what was measured stays stored."""
        for what, value in (("tempo", wanted.bpm), ("key", wanted.key)):
            if ("bpm" if what == "tempo" else what) in wanted.model_fields_set:
                change_lock(parts, who, id, what, "" if value is None else str(value))
        return Json(parts.library.tracks.detail(id).track.to_json())

    return router


def chosen_fields(fields: str | None, known: Collection[str]) -> list[str]:
    """The names in a list with commas, each once; none for all. Raises ConfigurationError for unknown ones."""
    names = list(dict.fromkeys(name.strip() for name in (fields or "").split(",") if name.strip()))
    if unknown := [name for name in names if name not in known]:
        raise ConfigurationError(f"fields: there is no field {unknown[0]!r}")
    return names


def _keys(key: str | None, with_neighbours: bool) -> tuple[str, ...]:
    """The Camelot codes that are asked for. Raises ConfigurationError."""
    if with_neighbours and not key:
        raise ConfigurationError("neighbours: they are those of a key, and none is named")
    try:
        return chosen_keys(key, with_neighbours)
    except ValueError as error:
        raise ConfigurationError(f"key: {error}") from error


def _measured(text: str | None) -> tuple[str, int | None] | None:
    """An analyser and a version, ``None`` for no results of it. Raises ConfigurationError."""
    if text is None:
        return None
    found = MEASURED.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"measured: {text!r} is not ANALYSER:VERSION, such as rhythm:5, or ANALYSER:none"
        )
    return found[1], None if found[2] == NONE else int(found[2])


def _range(text: str, parts: Parts) -> tuple[str, tuple[float, float]]:
    """A column, and its lowest and highest value. Raises ConfigurationError."""
    name, _, ends = text.partition(":")
    if name not in parts.library.tracks.number_columns:
        raise ConfigurationError(f"range: there is no column {name!r} of numbers")
    found = RANGE.fullmatch(ends)
    if found is None:
        raise ConfigurationError(f"range: {text!r} is not COLUMN:LOW-HIGH, such as bpm:120-128")
    low, high = float(found[1]), float(found[2])
    if low > high:
        raise ConfigurationError(f"range: {text!r} begins with the higher value")
    return name, (low, high)
