"""The levels of loggers: those of the settings, and those that a person has set for a while in a running process."""

import logging
from collections.abc import Mapping, Sequence

OURS = "tonearm"
ROOT = ""
CALLS = f"{OURS}.services.calls"
"""Calls to servers are logged only where this logger is set to debug itself, as there are several in a second."""
LIBRARIES = "warning"
"""The level of everything that is neither this program nor a driver, unless the settings name another for it."""
DRIVERS = ("neo4j", "opentelemetry", "pika", "psycopg", "redis", "sqlalchemy", "urllib3")
"""Libraries that say nothing unless the settings name a level for them: what fails in them is told by facts."""
OFF = logging.CRITICAL + 1


def silence_drivers() -> None:
    """Keep drivers from writing to standard error where no log is set up."""
    for name in DRIVERS:
        if not (logger := logging.getLogger(name)).handlers:
            logger.addHandler(logging.NullHandler())


class LogLevels:
    """Sets the levels of loggers, and sets them back."""

    def __init__(self, level: str, pairs: Sequence[str]) -> None:
        """``level``: of this program. pairs: ``LOGGER=LEVEL`` for parts of it and for libraries."""
        named = {name: chosen for name, _, chosen in (pair.partition("=") for pair in pairs)}
        drivers = dict.fromkeys(DRIVERS, OFF)
        self._configured: dict[str, str | int] = {
            ROOT: LIBRARIES,
            **drivers,
            CALLS: "info",
            OURS: level,
            **named,
        }
        self._before: dict[str, int] = {}
        self.override({})

    def override(self, levels: Mapping[str, str]) -> None:
        """Set levels on top of the settings, in place of those set before. levels: by name of the logger."""
        wanted = {**self._configured, **levels}
        for name in [name for name in self._before if name not in wanted]:
            logging.getLogger(name).setLevel(self._before.pop(name))
        for name, level in wanted.items():
            logger = logging.getLogger(name)
            self._before.setdefault(name, logger.level)
            logger.setLevel(level.upper() if isinstance(level, str) else level)

    def restore(self) -> None:
        """Set all levels to what they were before."""
        for name, level in self._before.items():
            logging.getLogger(name).setLevel(level)
        self._before.clear()
