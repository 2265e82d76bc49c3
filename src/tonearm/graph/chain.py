"""Finds the shortest chain between two artists, by a breadth-first search from both ends."""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from tonearm.graph.port import ConnectionStep
from tonearm.graph.track import Node


class Neighbours(Protocol):
    """Reads what artists have in common."""

    def neighbours(self, nodes: Collection[Node]) -> Iterable[tuple[Node, Node]]:
        """Each of the nodes with each of its neighbours: an artist's tracks with others, albums and genres, or the
        artists of one of those."""

    def names(self, nodes: Collection[Node]) -> Mapping[Node, str]:
        """The spelling of nodes; of several spellings the first in the order of code points."""


class _Side:
    """The nodes reached from one end: the distance of each, and the nodes before it."""

    def __init__(self, end: Node) -> None:
        self.distance = {end: 0}
        self.over: dict[Node, set[Node]] = {end: set()}
        self.frontier = {end}

    def advance(self, neighbours: Neighbours) -> None:
        far = 1 + self.distance[next(iter(self.frontier))]
        reached: set[Node] = set()
        for node, neighbour in neighbours.neighbours(self.frontier):
            if self.distance.setdefault(neighbour, far) == far:
                reached.add(neighbour)
                self.over.setdefault(neighbour, set()).add(node)
        self.frontier = reached


def find_chain(neighbours: Neighbours, start: Node, goal: Node) -> tuple[ConnectionStep, ...] | None:
    """The shortest chain between two artists that are in the graph; see ``TrackGraph.connection``."""
    ahead, behind = _Side(start), _Side(goal)
    meeting = {start} & {goal}
    while not meeting:
        side = min(ahead, behind, key=lambda side: len(side.frontier))
        if not side.frontier:
            return None
        side.advance(neighbours)
        meeting = side.frontier & (behind if side is ahead else ahead).distance.keys()
    nodes = _first(start, goal, ahead, behind, meeting)
    names = neighbours.names(nodes)
    return tuple(
        ConnectionStep(names[artist], common.kind, names[common], names[other])
        for artist, common, other in zip(nodes[::2], nodes[1::2], nodes[2::2], strict=False)
    )


def _first(start: Node, goal: Node, ahead: _Side, behind: _Side, meeting: Collection[Node]) -> list[Node]:
    """The first of all shortest chains, compared node by node."""
    onward: dict[Node, set[Node]] = {}
    layer = set(meeting)
    while layer:
        earlier: set[Node] = set()
        for node in layer:
            for before in ahead.over[node]:
                onward.setdefault(before, set()).add(node)
                earlier.add(before)
        layer = earlier
    chain = [start]
    while chain[-1] != goal:
        chain.append(min(onward.get(chain[-1]) or behind.over[chain[-1]]))
    return chain
