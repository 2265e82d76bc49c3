"""``tonearm mix``, ``path`` and ``connection``: which tracks mix, and what connects artists."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from tonearm.bootstrap.graph import LibraryGraph, open_graph
from tonearm.cli.library_settings import existing_library
from tonearm.cli.mix_table import print_mixes, print_path
from tonearm.cli.opened import place_of
from tonearm.cli.options import PATH, Number, data_option, json_option, limit_option, print_json
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import note, say
from tonearm.errors import NotFound, TonearmError
from tonearm.events.event import Event
from tonearm.events.facts import Warned
from tonearm.graph.track import GraphTrack
from tonearm.names import printable
from tonearm.views.formatting import plural
from tonearm.views.mix_fields import mix_fields, track_fields
from tonearm.views.tracks import TrackQuery

file_argument = click.argument("path", metavar="PATH", type=PATH)
tempo_option = click.option(
    "--tempo",
    metavar="PERCENT",
    type=Number(0, 50),
    default=6.0,
    show_default=True,
    help="Maximum change of tempo.",
)

CONNECTION_COLUMNS = (
    Column("artist", least=12),
    Column("have in common", least=16),
    Column("artist", least=12),
)


class Unmixable(TonearmError):
    """A track without a key or without a tempo."""


@click.command()
@file_argument
@data_option
@limit_option(20, 10_000)
@tempo_option
@json_option
def mix(path: str, data: str | None, limit: int, tempo: float, as_json: bool) -> None:
    """List what mixes well with PATH, a file of the library: a related key, a similar tempo, the energy."""
    with graphed(data) as opened:
        playing = _track(opened, path)
        mixes = opened.graph.mixes(playing, limit, tempo)
    if as_json:
        for each in mixes:
            print_json(mix_fields(each))
        return
    print_mixes(
        playing, mixes, f"No track in the library mixes with it within {tempo:g} %; --tempo allows more."
    )


@click.command()
@click.argument("start", metavar="FROM", type=PATH)
@click.argument("goal", metavar="TO", type=PATH)
@data_option
@tempo_option
@json_option
def path(start: str, goal: str, data: str | None, tempo: float, as_json: bool) -> None:
    """Find the shortest sequence of tracks from the file FROM to the file TO in which each mixes with the next."""
    with graphed(data) as opened:
        first, last = _track(opened, start), _track(opened, goal)
        way = opened.graph.path(first, last, tempo)
    if way is None:
        sys.stderr.write(f"There is no such sequence with steps of up to {tempo:g} %; --tempo allows more.\n")
        raise click.exceptions.Exit(1)
    if as_json:
        print_json({"step": 0, **track_fields(first)})
        for step, each in enumerate(way, 1):
            print_json({"step": step, **mix_fields(each)})
        return
    print_path(first, way)
    if way:
        note(plural(len(way), "step"))
    else:
        say("Both are the same audio.")


@click.command()
@click.argument("artist", metavar="ARTIST")
@click.argument("other", metavar="OTHER")
@data_option
@json_option
def connection(artist: str, other: str, data: str | None, as_json: bool) -> None:
    """Show how two artists are connected: by tracks they play together, albums, genres.

    ARTIST and OTHER are their full names.
    """
    with graphed(data) as opened:
        chain = opened.graph.connection(artist, other)
    if chain is None:
        sys.stderr.write(f"{printable(artist)} and {printable(other)} have nothing in common.\n")
        raise click.exceptions.Exit(1)
    if as_json:
        for link in chain:
            print_json({"artist": link.artist, "by": link.kind.word, "name": link.name, "other": link.other})
        return
    with Listing(CONNECTION_COLUMNS, "Both are the same artist.") as listing:
        for link in chain:
            cells = (link.artist, f"the {link.kind.word} {link.name}", link.other)
            listing.add(*[printable(cell) for cell in cells])


@contextmanager
def graphed(data: str | None) -> Iterator[LibraryGraph]:
    """The library, opened; warnings go to standard error."""
    with open_graph(existing_library(data), _warn) as opened:
        yield opened


def _warn(event: Event) -> None:
    if isinstance(event, Warned):
        sys.stderr.write(f"tonearm: {printable(event.text)}\n")


def _track(opened: LibraryGraph, name: str) -> GraphTrack:
    """The track at a path.

    Raises:
        NotFound: it is not a file of the library, or is missing now.
        Unmixable: it has no key or no tempo.
    """
    place = place_of(opened.library, name)
    assert place is not None, name  # noqa: S101  place_of raises instead
    found = opened.graph.track(os.path.join(place.root_path, place.scope)) if place.scope else None
    shown = printable(name)
    if found is None:
        rows = list(opened.library.tracks.each(TrackQuery(place=place), 1))
        missing = list(opened.library.tracks.each(TrackQuery(place=place, missing=True), 1))
        if rows and rows[0].path == os.path.join(place.root_path, place.scope):
            raise NotFound(f"{shown}: not analysed yet; run `tonearm analyze`")
        if rows:
            raise NotFound(f"{shown}: a folder; name one of its files (`tonearm tracks` lists them)")
        raise NotFound(
            f"{shown}: " + ("missing since the last scan" if missing else "not a file of the library")
        )
    lacking = [word for word, value in (("key", found.camelot), ("BPM", found.tempo)) if value is None]
    if lacking:
        causes = {"key": "no pitch was found in it", "BPM": "no steady beat was found in it"}
        why = " and ".join(causes[word] for word in lacking)
        raise Unmixable(f"{shown}: {why}, so it has no {' and no '.join(lacking)} to mix by")
    return found
