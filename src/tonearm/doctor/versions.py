"""The versions of servers that this program is tested with, and the oldest that it can use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tonearm.doctor.diagnosis import Diagnosis


@dataclass(frozen=True, slots=True)
class Supported:
    """A server. ``oldest``: the version below which something that is needed is missing; ``None`` if none is known."""

    area: str
    name: str
    tested: tuple[int, ...]
    oldest: tuple[int, ...] | None = None


POSTGRESQL = Supported("postgresql", "PostgreSQL", (17,), (14,))
RABBITMQ = Supported("rabbitmq", "RabbitMQ", (4, 0), (3, 10))
REDIS = Supported("redis", "Redis", (7, 4))
NEO4J = Supported("neo4j", "Neo4j", (5, 26))


def judged(server: Supported, version: str) -> Iterator[Diagnosis]:
    """What is wrong with the version of a server: too old, or older than what is tested."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[: len(server.tested)])
    tested = ".".join(map(str, server.tested))
    if server.oldest is not None and numbers[: len(server.oldest)] < server.oldest:
        oldest = ".".join(map(str, server.oldest))
        yield Diagnosis(
            f"{server.area}.too-old",
            server.name,
            f"version {version} lacks what is needed; {oldest} is the oldest that has it",
            f"upgrade it to {tested}",
        )
    elif numbers < server.tested:
        yield Diagnosis(
            f"{server.area}.version",
            server.name,
            f"version {version} is older than {tested}, with which this program is tested",
            f"upgrade it to {tested} when you can",
        )
