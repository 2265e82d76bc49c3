"""The pages of the library: the table of tracks, and one track."""

from collections.abc import AsyncGenerator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import HTMLResponse, Response, StreamingResponse

from tonearm.errors import ConfigurationError, TonearmError
from tonearm.views.doubtful_tempi import DOUBT_BELOW
from tonearm.views.reading import PAGE
from tonearm.views.tracks import STATES, TrackQuery
from tonearm.web.access import while_admitted
from tonearm.web.api_tracks import Wanted
from tonearm.web.listings import track_page
from tonearm.web.problems import status_of
from tonearm.web.rendering import Pages, link
from tonearm.web.response_docs import Cursor, IsPart, without_thread
from tonearm.web.service_parts import Parts
from tonearm.web.table_export import FORMATS, exported
from tonearm.web.track_table import ShownColumn, shown_columns

LOWEST, HIGHEST = "-999999", "999999"
"""Where a range begins and ends of which only the other end is given."""
IN_DOUBT = f"bpm_confidence:0-{DOUBT_BELOW}"


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
        neighbours: str = "",
        state: str = "",
        measured: str = "",
        bpm_from: str = "",
        bpm_to: str = "",
        energy_from: str = "",
        energy_to: str = "",
        lufs_from: str = "",
        lufs_to: str = "",
        column: Annotated[list[str], Query(max_length=100)] = [],  # noqa: B006  never changed
        sort: str = "path",
        order: str = "",
        range: Annotated[list[str], Query(max_length=10)] = [],  # noqa: A002, B006  the API's name; never changed
    ) -> None:
        self.sort, self.descending = sort, bool(order)
        self.texts = {"title": title, "artist": artist, "album": album, "genre": genre, "codec": codec}
        ends = {
            "bpm": (bpm_from, bpm_to),
            "energy": (energy_from, energy_to),
            "loudness_lufs": (lufs_from, lufs_to),
        }
        fields = {
            "key": key,
            "neighbours": neighbours,
            "state": state,
            "measured": measured,
            "bpm_from": bpm_from,
            "bpm_to": bpm_to,
            "energy_from": energy_from,
            "energy_to": energy_to,
            "lufs_from": lufs_from,
            "lufs_to": lufs_to,
        }
        self.ends = {name: found for name, found in ends.items() if any(found)}
        self.chosen = [each for each in column if each]
        self.ranges = [each for each in range if each]
        self.values: dict[str, str | list[str]] = {
            **self.texts,
            **fields,
            "sort": sort,
            "order": order,
            "range": self.ranges,
            "column": self.chosen,
        }
        self.fields = fields
        self.texts = {name: text for name, text in self.texts.items() if text}

    def query(self, parts: Parts) -> TrackQuery:
        """The query. Raises ConfigurationError and NotFound."""
        ends = [f"{name}:{low or LOWEST}-{high or HIGHEST}" for name, (low, high) in self.ends.items()]
        wanted = Wanted(
            texts=self.texts,
            key=self.fields["key"],
            neighbours=bool(self.fields["key"] and self.fields["neighbours"]),
            state=self.fields["state"],
            measured=self.fields["measured"],
            ranges=[*self.ranges, *ends],
            sort=f"-{self.sort}" if self.descending else self.sort,
        )
        return wanted.query(parts)

    def columns(self, parts: Parts) -> list[ShownColumn]:
        """The columns of the table: the chosen ones, or the standard ones and those that it is sorted or filtered by.

        Raises ConfigurationError.
        """
        if unknown := [name for name in self.chosen if name not in parts.library.tracks.columns]:
            raise ConfigurationError(f"column: there is no column {unknown[0]!r}")
        asked = [self.sort, *self.texts, *(each.partition(":")[0] for each in self.ranges), *self.ends]
        return shown_columns(asked, parts.analysers, self.chosen)

    def sorted_by(self, name: str) -> str:
        """The link of a heading: sort by its column, or turn the order round."""
        turned = "descending" if name == self.sort and not self.descending else ""
        return link("/library", **self.values | {"sort": name, "order": turned})


async def in_threads(pieces: Iterator[bytes]) -> AsyncGenerator[bytes]:
    """Pieces that are made in threads, as making one reads the database."""
    async for piece in iterate_in_threadpool(pieces):
        yield piece


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
            "chosen": given.chosen,
            "exports": {form: link("/library/export", format=form, **given.values) for form in FORMATS},
            "in_doubt": link("/library", range=[IN_DOUBT], sort="bpm_confidence"),
            "tracks": [],
            "following": None,
            "after": cursor,
            "problem": "",
            "sorted_by": given.sorted_by,
        }
        status = 200
        try:
            view["tracks"], following = track_page(parts, given.query(parts), cursor, PAGE)
            view["shown"] = given.columns(parts)
            view["chosen"] = [each.name for each in view["shown"]]
            if following is not None:
                view["following"] = link("/library", **given.values, cursor=following)
        except TonearmError as error:
            view["problem"], status = str(error), status_of(error)
        if hx_request is not None and not view["problem"]:
            return HTMLResponse(pages.text("tracks.html", **view))
        return pages.page("library.html", "/library", "Library", status, **view)

    @router.get("/library/export")
    def export(
        request: Request,
        given: Annotated[TableFilter, Depends(without_thread(TableFilter))],
        format: str = "csv",  # noqa: A002  the page's name
    ) -> Response:
        """All tracks that match, in the order and with the columns of the table."""
        try:
            names = [*dict.fromkeys([*(each.name for each in given.columns(parts)), "path"])]
            pieces = exported(parts, given.query(parts), format, names)
        except TonearmError as error:
            return pages.problem(error, "/library")
        kept = {"Content-Disposition": f'attachment; filename="tracks.{format}"'}
        shown = while_admitted(request, in_threads(pieces))
        return StreamingResponse(shown, media_type=FORMATS[format], headers=kept)

    @router.get("/library/count")
    def count(given: Annotated[TableFilter, Depends(without_thread(TableFilter))]) -> Response:
        """How many tracks there are; asked after the table, as it takes longer."""
        try:
            found = parts.count(given.query(parts))
        except TonearmError as error:
            return pages.problem(error, "/library")
        return HTMLResponse(found.of_noun("track"))
