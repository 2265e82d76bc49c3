"""``tonearm tracks`` and ``tonearm show``: list tracks, and show one in full."""

import math
from typing import Any

import click

from tonearm.cli.nearest import no_such
from tonearm.cli.opened import library, place_of
from tonearm.cli.options import PATH, count_option, data_option, json_option, limit_option, print_json, where
from tonearm.cli.tables import Listing
from tonearm.cli.terminal import is_terminal, say
from tonearm.cli.totals import print_count, say_count
from tonearm.cli.track_columns import columns_for
from tonearm.cli.track_page import print_track
from tonearm.errors import NotFound
from tonearm.graph.key_names import named_camelot
from tonearm.names import printable
from tonearm.views.formatting import plural
from tonearm.views.tracks import STATES, TrackQuery, Tracks

ABOUT = 0.5
"""Half the width, in BPM, of the range that a single tempo stands for."""


@click.command()
@where
@data_option
@click.option("--artist", metavar="TEXT", help="Part of the artist's name.")
@click.option("--album", metavar="TEXT", help="Part of the album's name.")
@click.option("--title", metavar="TEXT", help="Part of the title.")
@click.option("--genre", metavar="TEXT", help="Part of the genre.")
@click.option("--codec", metavar="TEXT", help="Part of the codec's name.")
@click.option("--key", metavar="KEY", help='A key: "A minor", Am, 8A or 1m.')
@click.option("--bpm", metavar="LOW-HIGH", help="A range of tempi, or one tempo ± 0.5 BPM.")
@click.option("--state", metavar="STATE", help=f"{', '.join(STATES[:-1])} or {STATES[-1]}.")
@click.option("--missing", is_flag=True, help="Files that the last scan did not find.")
@click.option("--stale", is_flag=True, help="Files whose results are older than the present analysers.")
@click.option(
    "--sort", metavar="COLUMN", default="path", show_default=True, help="A column; -COLUMN for descending."
)
@limit_option(None)
@count_option
@click.option("--full", is_flag=True, help="With --json: beats, windows, all tags, history.")
@json_option
def tracks(
    path: str | None,
    data: str | None,
    key: str | None,
    bpm: str | None,
    state: str | None,
    missing: bool,
    stale: bool,
    sort: str,
    limit: int | None,
    only_count: bool,
    full: bool,
    as_json: bool,
    **texts: str | None,
) -> None:
    """List tracks, of the whole library or at or below PATH: filter, sort, limit.

    On a terminal the columns that have room are shown, always with those that the list is filtered or sorted by.
    Otherwise the values are separated by tabs.
    """
    if full and not as_json:
        raise click.BadParameter("--full is for --json; `tonearm show` prints everything about one file")
    if state is not None and state not in STATES:
        raise click.BadParameter(no_such("state", state, STATES))
    parts = {name: text for name, text in texts.items() if text}
    with library(data) as app:
        column = sort.removeprefix("-")
        if column not in app.tracks.columns:
            raise click.BadParameter(no_such("column", column, app.tracks.columns))
        tempo = _range(bpm)
        query = TrackQuery(
            place=place_of(app, path),
            state=state,
            texts=parts,
            key=_key(key),
            ranges={} if tempo is None else {"bpm": tempo},
            missing=missing,
            stale=stale,
            sort=column,
            descending=sort.startswith("-"),
        )
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


def _range(text: str | None) -> tuple[float, float] | None:
    """The lowest and the highest tempo. Raises click.BadParameter."""
    if text is None:
        return None
    low, dash, high = text.partition("-")
    try:
        lowest, highest = (float(low), float(high)) if dash else (float(low) - ABOUT, float(low) + ABOUT)
    except ValueError:
        lowest = highest = math.nan
    if not math.isfinite(lowest + highest):
        raise click.BadParameter(f"{text!r} is not a range such as 120-128, nor a tempo such as 125")
    if lowest > highest:
        raise click.BadParameter(f"{text} begins with the higher tempo; did you mean {high}-{low}?")
    return lowest, highest


def _key(text: str | None) -> str | None:
    """The Camelot code of a key. Raises click.BadParameter."""
    try:
        return None if text is None else named_camelot(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _print_list(known: Tracks, query: TrackQuery, limit: int | None) -> None:
    filtered = [
        *query.texts,
        *(["key"] if query.key else []),
        *query.ranges,
        *(["state"] if query.state or query.missing else []),
    ]
    shown = columns_for([query.sort, *filtered])
    with Listing([each.column for each in shown], "No such tracks.") as listing:
        for track in known.each(query, limit):
            values = track.to_json()
            listing.add(*(each.cell(values) for each in shown))
    if listing.count and is_terminal():
        if listing.count == limit:
            say_count(listing.count, known.count(query), "track")
        else:
            say(plural(listing.count, "track"))
