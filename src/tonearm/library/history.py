"""The history of files: what happened to a file beside its jobs. Always written inside the caller's transaction."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, insert

from tonearm.library.schema import history_table


def note(connection: Connection, file: int, what: str, detail: Mapping[str, Any], now: float) -> None:
    """Add a line to a file's history."""
    note_all(connection, [file], what, now, detail)


def note_all(
    connection: Connection,
    files: Sequence[int],
    what: str,
    now: float,
    detail: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Add the same line to the history of each of these files."""
    note_each(connection, dict.fromkeys(files, detail), what, now)


def note_each(
    connection: Connection, details: Mapping[int, Mapping[str, Any]], what: str, now: float
) -> None:
    """Add a line to the history of several files. ``details``: by file."""
    if details:
        connection.execute(
            insert(history_table),
            [
                {"file_id": file, "at": now, "what": what, "detail": dict(detail)}
                for file, detail in details.items()
            ],
        )
