"""``tonearm graph``: rebuilds the graph in Neo4j, and compares it with the database."""

import dataclasses

import click

from tonearm.cli.mixes import graphed
from tonearm.cli.options import data_option, json_option, print_json
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import say
from tonearm.errors import ServiceUnavailable
from tonearm.graph.port import GraphCounts
from tonearm.graph.relay import GraphRelay
from tonearm.views.formatting import plural

NO_NEO4J = "No Neo4j is set (TONEARM_NEO4J_URL): the database itself answers, and is always up to date."


@click.group()
def graph() -> None:
    """Rebuild the graph in Neo4j, or compare it with the database."""


@graph.command()
@data_option
@json_option
def rebuild(data: str | None, as_json: bool) -> None:
    """Rebuild the graph in Neo4j from the library."""
    with graphed(data) as opened:
        graph_relay = opened.relay
        if graph_relay is not None:
            _rebuild(graph_relay)
        counts = opened.graph.counts() if graph_relay is None else graph_relay.graph.counts()
    if as_json:
        print_json(dataclasses.asdict(counts))
    elif graph_relay is None:
        say(f"There is nothing to rebuild. {NO_NEO4J}")
    else:
        say(f"The graph holds {_in_words(counts)}.")


def _rebuild(graph_relay: GraphRelay) -> None:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sending to the graph", total=None)

        def show(left: int) -> None:
            total = max(bar.tasks[task].total or 0, left)
            bar.update(task, total=total, completed=total - left)

        try:
            graph_relay.rebuild(show)
        except ServiceUnavailable as error:
            raise ServiceUnavailable(
                f"{error}; the rest is sent by the next `tonearm analyze`, worker or rebuild"
            ) from error


@graph.command("status", short_help="Compare the graph with the database.")
@data_option
@json_option
def graph_status(data: str | None, as_json: bool) -> None:
    """Compare what the graph holds with what the database holds, and show what is still to be sent to it."""
    with graphed(data) as opened:
        graph_relay = opened.relay
        if graph_relay is None:
            database, neo4j, pending, unavailable = opened.graph.counts(), None, None, None
        else:
            database, neo4j, pending, unavailable = graph_relay.expected(), None, graph_relay.pending(), None
            try:
                neo4j = graph_relay.graph.counts()
            except ServiceUnavailable as error:
                unavailable = str(error)
    if as_json:
        print_json(
            {
                "database": dataclasses.asdict(database),
                "neo4j": neo4j and dataclasses.asdict(neo4j),
                "pending": pending,
                "unavailable": unavailable,
            }
        )
        return
    columns = {"database": database} | ({"Neo4j": neo4j} if neo4j else {})
    with Listing([Column("number of"), *(Column(title, right=True) for title in columns)]) as listing:
        for field in dataclasses.fields(GraphCounts):
            values = [f"{getattr(counts, field.name):,}" for counts in columns.values()]
            listing.add(field.name.replace("_", " "), *values)
    if graph_relay is None:
        say(NO_NEO4J)
    elif unavailable is not None:
        say(
            f"{unavailable}. Until it does, the database answers; "
            f"{plural(pending or 0, 'file')} to be sent to the graph."
        )
    elif pending:
        say(f"{plural(pending, 'file')} to be sent to the graph; until then the database answers.")
    elif neo4j != database:
        say("They differ, and nothing is to be sent to the graph: run `tonearm graph rebuild`.")
    else:
        say("The graph is up to date.")


def _in_words(counts: GraphCounts) -> str:
    return (
        f"{plural(counts.tracks, 'track')}, {plural(counts.artists, 'artist')}, {plural(counts.albums, 'album')}, "
        f"{plural(counts.genres, 'genre')}, {plural(counts.keys, 'key')} and "
        f"{plural(counts.tempo_bands, 'tempo band')}"
    )
