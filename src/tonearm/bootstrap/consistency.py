"""Checks settings against each other, before anything is opened."""

from collections.abc import Iterator
from typing import NamedTuple

from tonearm.errors import ConfigurationError
from tonearm.names import PathMap
from tonearm.settings import Settings


class Contradiction(NamedTuple):
    """A setting that can't be used as the others are, why, and what to do."""

    setting: str
    reason: str
    remedy: str


def contradictions(settings: Settings) -> Iterator[Contradiction]:
    """Settings that contradict each other, and a path map that can't be read."""
    if settings.rabbitmq_url and not settings.database_url:
        yield Contradiction(
            "rabbitmq_url",
            "rabbitmq_url without database_url: other hosts can't reach the jobs in a SQLite file",
            "set TONEARM_DATABASE_URL to a PostgreSQL database",
        )
    try:
        PathMap(settings.path_map)
    except ValueError as error:
        yield Contradiction("path_map", f"path_map: {error}", "correct TONEARM_PATH_MAP")


def check_consistent(settings: Settings) -> None:
    """Refuse settings that contradict each other, and a path map that can't be read. Raises ConfigurationError."""
    for found in contradictions(settings):
        raise ConfigurationError(f"{found.reason}; {found.remedy}")
