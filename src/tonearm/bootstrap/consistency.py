"""Checks settings against each other, before anything is opened."""

from tonearm.errors import ConfigurationError
from tonearm.names import PathMap
from tonearm.settings import Settings


def check_consistent(settings: Settings) -> None:
    """Refuse settings that contradict each other, and a path map that can't be read. Raises ConfigurationError."""
    if settings.rabbitmq_url and not settings.database_url:
        raise ConfigurationError(
            "rabbitmq_url without database_url: other hosts can't reach the jobs in a SQLite file; "
            "set TONEARM_DATABASE_URL to a PostgreSQL database"
        )
    try:
        PathMap(settings.path_map)
    except ValueError as error:
        raise ConfigurationError(f"path_map: {error}") from error
