"""The pages of the library: the table of tracks, and one track."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.responses import HTMLResponse, Response

from tonearm.errors import TonearmError
from tonearm.views.reading import PAGE
from tonearm.views.tracks import STATES, TrackQuery
from tonearm.web.answers import Cursor, IsPart, without_thread
from tonearm.web.api_tracks import Wanted
from tonearm.web.listings import track_page
from tonearm.web.parts import Parts
from tonearm.web.problems import status_of
from tonearm.web.rendering import Pages, link
from tonearm.web.track_table import table_columns

LARGEST_BPM = "999"


class TableFilter:
    """Which tracks the table shows and in which order, as the fields of its form say it."""

    def __init__(
        self,
        title: str = "",
        artist: str = "",
        album: str = "",
        genre: str = "",
        codec: str = "",
        key: str = "",
        state: str = "",
        bpm_from: str = "",
        bpm_to: str = "",
        sort: str = "path",
        order: str = "",
        range: Annotated[list[str], Query(max_length=10)] = [],  # noqa: A002, B006  the API's name; never changed
    ) -> None:
        self.sort, self.descending = sort, bool(order)
        self.texts = {"title": title, "artist": artist, "album": album, "genre": genre, "codec": codec}
        fields = {"key": key, "state": state, "bpm_from": bpm_from, "bpm_to": bpm_to}
        self.ranges = [each for each in range if each]
        self.values: dict[str, str | list[str]] = {
            **self.texts,
            **fields,
            "sort": sort,
            "order": order,
            "range": self.ranges,
        }
        self.fields = fields
        self.texts = {name: text for name, text in self.texts.items() if text}

    def query(self, parts: Parts) -> TrackQuery:
        """The query. Raises ConfigurationError and NotFound."""
        low, high = self.fields["bpm_from"], self.fields["bpm_to"]
        wanted = Wanted(
            texts=self.texts,
            key=self.fields["key"],
            state=self.fields["state"],
            ranges=[*self.ranges, *([f"bpm:{low or 0}-{high or LARGEST_BPM}"] if low or high else [])],
            sort=f"-{self.sort}" if self.descending else self.sort,
        )
        return wanted.query(parts)

    def columns(self) -> list[str]:
        """The columns that the list is sorted or filtered by."""
        return [self.sort, *self.texts, *(each.partition(":")[0] for each in self.ranges)]

    def sorted_by(self, name: str) -> str:
        """The link of a heading: sort by its column, or turn the order round."""
        turned = "descending" if name == self.sort and not self.descending else ""
        return link("/library", **self.values | {"sort": name, "order": turned})


def add_library(router: APIRouter, parts: Parts, pages: Pages) -> None:
    """Add the routes of the library."""
    library = parts.library

    @router.get("/library")
    def tracks(
        given: Annotated[TableFilter, Depends(without_thread(TableFilter))],
        cursor: Cursor = None,
        hx_request: IsPart = None,
    ) -> Response:
        view: dict[str, Any] = {
            "given": given.values,
            "states": STATES,
            "columns": library.tracks.columns,
            "sort": given.sort,
            "descending": given.descending,
            "counting": link("/library/count", **given.values),
            "shown": [],
            "tracks": [],
            "following": None,
            "after": cursor,
            "problem": "",
            "sorted_by": given.sorted_by,
        }
        status = 200
        try:
            view["tracks"], following = track_page(parts, given.query(parts), cursor, PAGE)
            view["shown"] = table_columns(given.columns(), parts.analysers)
            if following is not None:
                view["following"] = link("/library", **given.values, cursor=following)
        except TonearmError as error:
            view["problem"], status = str(error), status_of(error)
        if hx_request is not None and not view["problem"]:
            return HTMLResponse(pages.text("tracks.html", **view))
        return pages.page("library.html", "/library", "Library", status, **view)

    @router.get("/library/count")
    def count(given: Annotated[TableFilter, Depends(without_thread(TableFilter))]) -> Response:
        """How many tracks there are; asked after the table, as it takes longer."""
        try:
            found = parts.count(given.query(parts))
        except TonearmError as error:
            return pages.problem(error, "/library")
        return HTMLResponse(found.of_noun("track"))
