"""What a graph server tells of itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GraphServer:
    """now: its clock, seconds since 1970. tracks: how many this library has in the graph.

    missing: names of constraints and indexes that are not there, or not usable yet.
    """

    version: str
    edition: str
    now: float
    tracks: int
    missing: tuple[str, ...]
