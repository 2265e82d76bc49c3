"""The graph of a library: what answers queries, and what updates it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tonearm.bootstrap.library import Library, open_library
from tonearm.bootstrap.servers import Servers
from tonearm.events.event import Announce
from tonearm.graph.fallback import FallbackGraph
from tonearm.graph.port import TrackGraph
from tonearm.graph.relay import GraphRelay
from tonearm.graph.sql import SqlGraph
from tonearm.settings import Settings


@dataclass(frozen=True, slots=True)
class LibraryGraph:
    """A library and its graph. ``relay``: updates the graph in Neo4j; ``None`` where the database itself answers."""

    library: Library
    graph: TrackGraph
    relay: GraphRelay | None


@contextlib.contextmanager
def open_graph(settings: Settings, announce: Announce) -> Iterator[LibraryGraph]:
    """Open a library and its graph. ``announce`` gets the warnings about Neo4j.

    Raises:
        StorageError: the database can't be opened.
        ConfigurationError: settings that contradict each other, or a driver that is not installed.
    """
    servers = Servers(settings, announce)
    with open_library(settings, servers) as library, servers.open_graph() as neo4j:
        yield graph_of(library, neo4j, announce)


def graph_of(library: Library, neo4j: TrackGraph | None, announce: Announce) -> LibraryGraph:
    """The graph of an opened library. ``neo4j``: ``None`` where the settings name none."""
    answers = SqlGraph(library.database, library.features)
    if neo4j is None:
        return LibraryGraph(library, answers, None)
    relay = GraphRelay(library.database, neo4j, library.features, announce)
    return LibraryGraph(library, FallbackGraph(neo4j, answers, relay.pending, announce), relay)
