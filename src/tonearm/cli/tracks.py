"""``tonearm tracks`` and ``tonearm show``: what is known of the music."""

import math
from typing import Any

import click
from rich.console import Console

from tonearm.cli.formatting import duration, number, plural
from tonearm.cli.opened import library, place_of
from tonearm.cli.options import PATH, data_option, json_option, limit_option, print_json, where
from tonearm.cli.tables import Column, FittedTable
from tonearm.cli.track_page import print_track
from tonearm.errors import NotFound
from tonearm.graph.key_names import camelot_of
from tonearm.library.tracks import TrackQuery, Tracks
from tonearm.names import printable

STATES = ("done", "partial", "quarantined", "waiting")
ABOUT = 0.5
"""BPM above and below a single tempo that are meant by it too."""
COLUMNS = (
    Column("title", 8, wraps=True),
    Column("artist", 8, rank=2, wraps=True),
    Column("time", 5, rank=3),
    Column("BPM", 5),
    Column("key", 8),
    Column("", 3, rank=5),  # the Camelot code, which says the same
    Column("LUFS", 5, rank=4),
    Column("state", 7, rank=1),
    Column("file", 8, wraps=True),
)
PIECE = 200
"""Rows of a table that are printed at once."""


@click.command()
@where
@data_option
@click.option("--artist", metavar="TEXT", help="Part of the artist's name.")
@click.option("--album", metavar="TEXT", help="Part of the album's name.")
@click.option("--title", metavar="TEXT", help="Part of the title.")
@click.option("--genre", metavar="TEXT", help="Part of the genre.")
@click.option("--codec", metavar="TEXT", help="Part of the codec's name.")
@click.option("--key", metavar="KEY", help='A key: "A minor", Am, 8A or 1m.')
@click.option("--bpm", metavar="LOW-HIGH", help="A range of tempo, or about one tempo.")
@click.option("--state", metavar="STATE", help="done, partial, quarantined or waiting.")
@click.option("--missing", is_flag=True, help="Files that the last scan did not find.")
@click.option(
    "--sort", metavar="COLUMN", default="path", show_default=True, help="A column; -COLUMN for descending."
)
@limit_option(None)
@click.option("--full", is_flag=True, help="With --json: beats, windows, all tags, history.")
@json_option
def tracks(
    path: str | None,
    data: str | None,
    key: str | None,
    bpm: str | None,
    state: str | None,
    missing: bool,
    sort: str,
    limit: int | None,
    full: bool,
    as_json: bool,
    **texts: str | None,
) -> None:
    """List tracks, of the whole library or at or below PATH: filter, sort, limit."""
    if full and not as_json:
        raise click.BadParameter("--full is for --json; `tonearm show` prints all that is known of one file")
    with library(data) as app:
        column = sort.removeprefix("-")
        if column not in app.tracks.columns:
            raise click.BadParameter(f"no column {column!r}; there are {', '.join(app.tracks.columns)}")
        if state is not None and state not in STATES:
            raise click.BadParameter(f"no state {state!r}; there are {', '.join(STATES)}")
        query = TrackQuery(
            place=place_of(app, path),
            state=state,
            texts={name: text for name, text in texts.items() if text},
            key=_key(key),
            bpm=_range(bpm),
            missing=missing,
            sort=column,
            descending=sort.startswith("-"),
            limit=limit,
            full=full,
        )
        if as_json:
            app.tracks.each(query, print_json)
            return
        _print_table(app.tracks, query)


@click.command()
@click.argument("path", metavar="PATH", type=PATH)
@data_option
@json_option
def show(path: str, data: str | None, as_json: bool) -> None:
    """Show all that is known of one track: PATH, a file of the library."""
    found: list[dict[str, Any]] = []
    with library(data) as app:
        place = place_of(app, path)
        for missing in (False, True):
            app.tracks.each(TrackQuery(place=place, full=True, missing=missing, limit=2), found.append)
    if len(found) != 1:
        said = "not a file of the library" if not found else "a folder; `tonearm tracks` lists it"
        raise NotFound(f"{printable(path)}: {said}")
    if as_json:
        print_json(found[0])
    else:
        print_track(found[0], Console())


def _range(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    low, dash, high = text.partition("-")
    try:
        one, other = (float(low), float(high)) if dash else (float(low) - ABOUT, float(low) + ABOUT)
    except ValueError:
        one = other = math.nan
    if not math.isfinite(one + other):
        raise click.BadParameter(f"{text!r} is not a range such as 120-128, nor a tempo such as 125")
    return min(one, other), max(one, other)


def _key(text: str | None) -> str | None:
    """The Camelot code of a key."""
    if text is None:
        return None
    code = camelot_of(text)
    if code is None:
        raise click.BadParameter(f'{text!r} is no key such as "A minor", Am, F#, Bbm, 8A or 1m')
    return code


def _print_table(known: Tracks, query: TrackQuery) -> None:
    """Print a table a piece at a time, as nobody would wait for a table of a million rows, nor has room for one."""
    console = Console()
    piece = FittedTable(console, COLUMNS)

    def take(track: dict[str, Any]) -> None:
        nonlocal piece
        piece.add(*_cells(track))
        if piece.table.row_count == PIECE:
            console.print(piece.table)
            piece = FittedTable(console, COLUMNS)

    count = known.each(query, take)
    if piece.table.row_count or not count:
        console.print(piece.table)
    console.print(plural(count, "track"))


def _cells(track: dict[str, Any]) -> list[str]:
    cells = [
        track["title"],
        track["artist"],
        duration(track["duration_s"]),
        number(track["bpm"]),
        track["key"],
        track["camelot"],
        number(track["loudness_lufs"]),
        track["state"],
        track["path"].rsplit("/", 1)[-1],
    ]
    return [printable(cell or "–") for cell in cells]
