"""``tonearm tracks`` and ``tonearm show``: list tracks, and show one in full."""

from typing import Any

import click

from tonearm.cli.opened import library, place_of
from tonearm.cli.options import PATH, count_option, data_option, json_option, limit_option, print_json, where
from tonearm.cli.tables import Listing
from tonearm.cli.terminal import is_terminal, say
from tonearm.cli.totals import print_count, say_count
from tonearm.cli.track_columns import columns_for
from tonearm.cli.track_filters import filtered_by, filters_and_order, query_of
from tonearm.cli.track_page import print_track
from tonearm.errors import NotFound
from tonearm.names import printable
from tonearm.views.formatting import plural
from tonearm.views.tracks import TrackQuery, Tracks


@click.command()
@where
@data_option
@filters_and_order
@limit_option(None)
@count_option
@click.option("--full", is_flag=True, help="With --json: beats, windows, all tags, history.")
@json_option
def tracks(
    path: str | None,
    data: str | None,
    limit: int | None,
    only_count: bool,
    full: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """List tracks, of the whole library or at or below PATH: filter, sort, limit.

    On a terminal the columns that have room are shown, always with those that the list is filtered or sorted by.
    Otherwise the values are separated by tabs.
    """
    if full and not as_json:
        raise click.BadParameter("--full is for --json; `tonearm show` prints everything about one file")
    with library(data) as app:
        query = query_of(app, path, given)
        if only_count:
            print_count(app.tracks.count(query), "track", as_json)
        elif as_json:
            listed = app.tracks.each_detail(query, limit) if full else app.tracks.each(query, limit)
            for track in listed:
                print_json(track.to_json())
        else:
            _print_list(app.tracks, query, limit)


@click.command()
@click.argument("path", metavar="PATH", type=PATH)
@data_option
@json_option
def show(path: str, data: str | None, as_json: bool) -> None:
    """Show everything that is stored about one track: PATH, a file of the library."""
    found: list[dict[str, Any]] = []
    with library(data) as app:
        place = place_of(app, path)
        for missing in (False, True):
            details = app.tracks.each_detail(TrackQuery(place=place, missing=missing), 2)
            found += [track.to_json() for track in details]
    if len(found) != 1:
        problem = "not a file of the library" if not found else "a folder; `tonearm tracks` lists it"
        raise NotFound(f"{printable(path)}: {problem}")
    if as_json:
        print_json(found[0])
    else:
        print_track(found[0])


def _print_list(known: Tracks, query: TrackQuery, limit: int | None) -> None:
    shown = columns_for([query.sort, *filtered_by(query)])
    with Listing([each.column for each in shown], "No such tracks.") as listing:
        for track in known.each(query, limit):
            values = track.to_json()
            listing.add(*(each.cell(values) for each in shown))
    if listing.count and is_terminal():
        if listing.count == limit:
            say_count(listing.count, known.count(query), "track")
        else:
            say(plural(listing.count, "track"))
