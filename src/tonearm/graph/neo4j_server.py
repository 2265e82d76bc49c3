"""Asks a Neo4j server about itself, without a change."""

import re

import neo4j

from tonearm.graph import cypher
from tonearm.graph.bolt import Bolt, run
from tonearm.graph.server_state import GraphServer

_COMPONENTS = """
CALL dbms.components() YIELD name, versions, edition
WHERE name = 'Neo4j Kernel'
RETURN versions, edition
"""
_CONSTRAINTS = "SHOW CONSTRAINTS YIELD name"
_INDEXES = "SHOW INDEXES YIELD name, state"
_NOW = "RETURN datetime().epochMillis AS now"
_NAMED = re.compile(r"CREATE (CONSTRAINT|INDEX) (\w+)")


def inspect_graph(bolt: Bolt, library: str) -> GraphServer:
    """What the server tells. Raises as ``Bolt.read`` does."""

    def components(transaction: neo4j.Transaction) -> neo4j.Record:
        return run(transaction, _COMPONENTS)[0]

    def usable(transaction: neo4j.Transaction) -> set[str]:
        constraints = {row["name"] for row in run(transaction, _CONSTRAINTS)}
        return constraints | {row["name"] for row in run(transaction, _INDEXES) if row["state"] == "ONLINE"}

    def rest(transaction: neo4j.Transaction) -> tuple[float, int]:
        tracks = run(transaction, cypher.COUNT["tracks"], start=f"{library}:")[0]["count"]
        return run(transaction, _NOW)[0]["now"] / 1000, tracks

    kernel, there = bolt.read(components), bolt.read(usable)
    now, tracks = bolt.read(rest)
    wanted = [named[2] for statement in cypher.SCHEMA if (named := _NAMED.match(statement))]
    missing = tuple(name for name in wanted if name not in there)
    return GraphServer(str(kernel["versions"][0]), str(kernel["edition"]), now, tracks, missing)
