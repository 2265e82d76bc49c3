"""Recognises renamed and moved files by their audio. Always inside the caller's transaction."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from tonearm.library.files import whole_paths
from tonearm.library.history import note
from tonearm.library.one_of import among
from tonearm.library.schema import file_table
from tonearm.names import to_document

_MISSING = (
    select(file_table.c.id, file_table.c.path, file_table.c.audio_id)
    .where(
        among(file_table.c.audio_id, "audios"),
        file_table.c.missing_since.is_not(None),
        file_table.c.moved_to_id.is_(None),
    )
    .order_by(file_table.c.missing_since.desc(), file_table.c.id)
)
_FOUND = select(file_table.c.id, file_table.c.path, file_table.c.audio_id).where(
    among(file_table.c.id, "files")
)


def link_moved_files(connection: Connection, found: Mapping[int, int], now: float) -> dict[int, bytes]:
    """Link each missing file to the new file with the same audio. Returns the old paths by the ids of the new files.

    ``found``: the ids of files and of their audio. Of several missing files the one with the same name is linked, else
    the one that has been missing for the shortest time; each is linked to one file.
    """
    gone: dict[int, list[Any]] = {}
    if not found:
        return {}
    for row in connection.execute(_MISSING, {"audios": list(found.values())}):
        gone.setdefault(row.audio_id, []).append(row)
    if not gone:
        return {}
    moved = {}
    for here in connection.execute(
        _FOUND, {"files": [file for file, audio in found.items() if audio in gone]}
    ):
        if here.audio_id is None:
            path = _link(connection, here, gone[found[here.id]], now)
            if path is not None:
                moved[here.id] = path
    return moved


def _link(connection: Connection, here: Any, gone: Sequence[Any], now: float) -> bytes | None:
    name = os.path.basename(here.path)
    for row in sorted(gone, key=lambda row: os.path.basename(row.path) != name):
        linked = connection.execute(
            update(file_table)
            .where(
                file_table.c.id == row.id,
                file_table.c.missing_since.is_not(None),
                file_table.c.moved_to_id.is_(None),
            )
            .values(moved_to_id=here.id, missing_since=None, graph_due_at=now)
        )
        if linked.rowcount:  # otherwise another worker has linked it
            path = whole_paths(connection, [row.id])[row.id]
            note(connection, here.id, "moved", {"from": to_document(path)}, now)
            return path
    return None
