"""What is wrong with a Neo4j server for the graph."""

from collections.abc import Iterator

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.doctor.versions import NEO4J, judged
from tonearm.graph.server_state import GraphServer

NAME = "Neo4j"


def server(found: GraphServer, latency_ms: float) -> Iterator[Diagnosis]:
    """Its version, and whether the constraints and indexes are there."""
    edition = f" {found.edition}" if found.edition else ""
    yield Diagnosis("neo4j.server", NAME, f"{found.version}{edition}, answers in {latency_ms:.1f} ms")
    yield from judged(NEO4J, found.version)
    if found.tracks and found.missing:
        yield Diagnosis(
            "neo4j.constraints",
            NAME,
            f"missing: {', '.join(found.missing)}; without them the graph is slow and may hold a node twice",
            "run `tonearm graph rebuild`, which makes them",
        )
    elif found.missing:
        yield Diagnosis("neo4j.empty", NAME, "the graph is empty: constraints are made with the first tracks")
