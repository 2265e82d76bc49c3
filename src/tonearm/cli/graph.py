"""``tonearm mix``, ``path`` and ``connection``: how tracks and artists go together; ``graph``: where that is kept."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from tonearm.bootstrap.graph import LibraryGraph, open_graph
from tonearm.cli.formatting import plural
from tonearm.cli.mix_table import mix_fields, print_mixes, print_path, track_fields
from tonearm.cli.opened import existing_library, place_of
from tonearm.cli.options import PATH, data_option, json_option, limit_option, print_json
from tonearm.cli.tables import print_sentence
from tonearm.errors import NotFound, ServiceAway, TonearmError
from tonearm.events.facts import Event, Warned
from tonearm.graph.port import GraphCounts
from tonearm.graph.track import GraphTrack
from tonearm.library.tracks import TrackQuery
from tonearm.names import printable

file_argument = click.argument("path", metavar="PATH", type=PATH)
tempo_option = click.option(
    "--tempo",
    metavar="PERCENT",
    type=click.FloatRange(0, 50),
    default=6.0,
    show_default=True,
    help="Maximum change of tempo.",
)


class Unmixable(TonearmError):
    """A track of which no key or no tempo is known."""


@click.command()
@file_argument
@data_option
@limit_option(20, 10_000)
@tempo_option
@json_option
def mix(path: str, data: str | None, limit: int, tempo: float, as_json: bool) -> None:
    """List what mixes well with PATH, a file of the library: a related key, a similar tempo, the energy."""
    with _graphed(data) as opened:
        playing = _track(opened, path)
        mixes = opened.graph.mixes(playing, limit, tempo)
    if as_json:
        for each in mixes:
            print_json(mix_fields(each))
        return
    console = Console()
    print_mixes(playing, mixes, console)
    if not mixes:
        console.print(f"Nothing in the library mixes with it within {tempo:g} %; --tempo allows more.")


@click.command()
@click.argument("start", metavar="FROM", type=PATH)
@click.argument("goal", metavar="TO", type=PATH)
@data_option
@tempo_option
@json_option
def path(start: str, goal: str, data: str | None, tempo: float, as_json: bool) -> None:
    """Find the shortest sequence of tracks from the file FROM to the file TO in which neighbours mix."""
    with _graphed(data) as opened:
        first, last = _track(opened, start), _track(opened, goal)
        way = opened.graph.path(first, last, tempo)
    if way is None:
        click.echo(f"No way leads there in steps of {tempo:g} % at the most; --tempo allows more.", err=True)
        raise click.exceptions.Exit(1)
    if as_json:
        print_json({"step": 0, **track_fields(first)})
        for step, each in enumerate(way, 1):
            print_json({"step": step, **mix_fields(each)})
        return
    console = Console()
    print_path(first, way, console)
    console.print(plural(len(way), "step") if way else "Both are the same audio.")


@click.command()
@click.argument("artist", metavar="ARTIST")
@click.argument("other", metavar="OTHER")
@data_option
@json_option
def connection(artist: str, other: str, data: str | None, as_json: bool) -> None:
    """Show how two artists are connected: by tracks they play together, albums, genres.

    ARTIST and OTHER are their full names.
    """
    with _graphed(data) as opened:
        chain = opened.graph.connection(artist, other)
    if chain is None:
        click.echo(f"{printable(artist)} and {printable(other)} have nothing in common.", err=True)
        raise click.exceptions.Exit(1)
    if as_json:
        for link in chain:
            print_json({"artist": link.artist, "by": link.kind.word, "name": link.name, "other": link.other})
        return
    table = Table("artist", "have in common", "artist")
    for link in chain:
        cells = (link.artist, f"the {link.kind.word} {link.name}", link.other)
        table.add_row(*[Text(printable(cell)) for cell in cells])
    Console().print(table if chain else "Both are the same artist.")


@click.group()
def graph() -> None:
    """Rebuild the graph in Neo4j, or compare it with the database."""


@graph.command()
@data_option
@json_option
def rebuild(data: str | None, as_json: bool) -> None:
    """Build the graph in Neo4j again from the library."""
    with _graphed(data) as opened:
        graph_relay = opened.relay
        if graph_relay is None:
            _say_that_sql_answers()
            return
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("telling the graph", total=None)

            def show(left: int) -> None:
                known = bar.tasks[task].total
                bar.update(task, total=max(known or 0, left), completed=max(known or 0, left) - left)

            try:
                graph_relay.rebuild(show)
            except ServiceAway as error:
                raise ServiceAway(
                    f"{error}; what is left is told by the next `tonearm analyze`, worker or rebuild"
                ) from error
        counts = graph_relay.graph.counts()
    if as_json:
        print_json(dataclasses.asdict(counts))
        return
    print_sentence(Console(), f"The graph holds {_in_words(counts)}.")


@graph.command("status", short_help="Compare the graph with the database.")
@data_option
@json_option
def graph_status(data: str | None, as_json: bool) -> None:
    """Compare what the graph holds with what the database holds, and show what is still to be sent to it."""
    with _graphed(data) as opened:
        graph_relay = opened.relay
        if graph_relay is None:
            database, neo4j, owed, away = opened.graph.counts(), None, None, None
        else:
            database, neo4j, owed, away = graph_relay.expected(), None, graph_relay.owed(), None
            try:
                neo4j = graph_relay.graph.counts()
            except ServiceAway as error:
                away = str(error)
    if as_json:
        print_json(
            {
                "database": dataclasses.asdict(database),
                "neo4j": neo4j and dataclasses.asdict(neo4j),
                "owed": owed,
                "away": away,
            }
        )
        return
    columns = {"database": database} | ({"Neo4j": neo4j} if neo4j else {})
    table = Table("", *columns)
    for field in dataclasses.fields(GraphCounts):
        values = [f"{getattr(counts, field.name):,}" for counts in columns.values()]
        table.add_row(field.name.replace("_", " "), *values)
    console = Console()
    console.print(table)
    if graph_relay is None:
        _say_that_sql_answers()
    elif away is not None:
        print_sentence(
            console, f"{away}. The database answers; still to be told: {plural(owed or 0, 'file')}."
        )
    elif owed:
        console.print(
            f"The graph has yet to learn of {plural(owed, 'file')}; until then the database answers."
        )
    elif neo4j != database:
        console.print("They differ, and nothing waits to be told: `tonearm graph rebuild` makes it anew.")
    else:
        console.print("The graph is up to date.")


@contextmanager
def _graphed(data: str | None) -> Iterator[LibraryGraph]:
    """The library, opened; warnings go to standard error."""
    with open_graph(existing_library(data), _warn) as opened:
        yield opened


def _warn(event: Event) -> None:
    if isinstance(event, Warned):
        click.echo(f"tonearm: {printable(event.text)}", err=True)


def _track(opened: LibraryGraph, name: str) -> GraphTrack:
    """The track that a person means by a path.

    Raises:
        NotFound: it is not a file of the library, or is missing now.
        Unmixable: it has no key or no tempo.
    """
    place = place_of(opened.library, name)
    assert place is not None, name  # noqa: S101  place_of raises instead
    found = opened.graph.track(os.path.join(place.root_path, place.scope)) if place.scope else None
    shown = printable(name)
    if found is None:
        rows: list[str] = []
        missing: list[str] = []
        opened.library.tracks.each(TrackQuery(place=place, limit=1), lambda row: rows.append(row["path"]))
        opened.library.tracks.each(
            TrackQuery(place=place, missing=True, limit=1), lambda row: missing.append(row["path"])
        )
        if rows and os.fsencode(rows[0]) == os.path.join(place.root_path, place.scope):
            raise NotFound(f"{shown}: not analysed yet; `tonearm analyze` does it")
        if rows:
            raise NotFound(f"{shown}: a folder; name one of its files (`tonearm tracks` lists them)")
        raise NotFound(
            f"{shown}: " + ("missing since the last scan" if missing else "not a file of the library")
        )
    lacking = [word for word, value in (("key", found.camelot), ("BPM", found.tempo)) if value is None]
    if lacking:
        why = {"key": "no pitch was found in it", "BPM": "no steady beat was found in it"}
        told = " and ".join(why[word] for word in lacking)
        raise Unmixable(
            f"{shown}: it has no {' and no '.join(lacking)}, as {told}; it can't be mixed by that"
        )
    return found


def _say_that_sql_answers() -> None:
    print_sentence(
        Console(),
        "No Neo4j is set (TONEARM_NEO4J_URL): the database itself answers, always up to date.",
    )


def _in_words(counts: GraphCounts) -> str:
    return (
        f"{plural(counts.tracks, 'track')}, {plural(counts.artists, 'artist')}, {plural(counts.albums, 'album')}, "
        f"{plural(counts.genres, 'genre')}, {plural(counts.keys, 'key')} and "
        f"{plural(counts.tempo_bands, 'tempo band')}"
    )
