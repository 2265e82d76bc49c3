"""The rows of files follow what was done to the files: other paths, other contents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from tonearm.library.bulk_write import change, row_batch
from tonearm.library.file_contents import Tags
from tonearm.library.history import note_each
from tonearm.library.one_of import among
from tonearm.library.proposal import FileStamp
from tonearm.library.results import add_tags
from tonearm.library.roots import scope_in
from tonearm.library.schema import file_table, root_table
from tonearm.names import to_document


@dataclass(frozen=True, slots=True)
class Completed:
    """A proposal that was carried out, or taken back.

    identity: of a copy or of a changed file, as it is now. tags: those of a changed file, if they were read; without
    them its row stays as it was, so that the next scan reads it. A file that was changed where it is has ``source`` as
    ``target``.
    """

    proposal: int
    file: int | None
    source: bytes
    target: bytes
    is_undo: bool
    identity: FileStamp | None = None
    tags: Tags | None = None


def move_rows(connection: Connection, completed: Sequence[Completed], now: float) -> None:
    """Give the rows of files their new paths; their results stay."""
    moved = [each for each in completed if each.file is not None]
    if not moved:
        return
    roots = [(row.id, row.path) for row in connection.execute(select(root_table.c.id, root_table.c.path))]
    places = {each.file: _located(roots, each.target) for each in moved if each.file is not None}
    known = set(
        connection.execute(
            select(file_table.c.id).where(among(file_table.c.id, "files")), {"files": list(places)}
        ).scalars()
    )
    _clear_places(connection, {file: place for file, place in places.items() if place}, known, now)
    rows = []
    for each in moved:
        place = places[each.file] if each.file in known and each.file is not None else None
        if place is None:  # forgotten meanwhile, or outside every root
            continue
        row = {
            "id": each.file,
            "root_id": place[0],
            "path": place[1],
            "missing_since": None,
            "graph_due_at": now,
        }
        if each.identity is not None:
            row |= {"mtime_ns": each.identity.mtime_ns, "inode": each.identity.inode}
        rows.append(row)
    change(connection, file_table, rows)
    note_each(
        connection,
        {
            each.file: {"from": to_document(each.source), "proposal": each.proposal}
            for each in moved
            if each.file in known and each.file is not None
        },
        "moved",
        now,
    )


def change_rows(connection: Connection, completed: Sequence[Completed], now: float) -> None:
    """Give the rows of changed files their tags and what tells them; without tags the next scan reads the file."""
    changed = {each.file: each for each in completed if each.file is not None}
    rows = [
        {
            "id": file,
            "size": each.identity.size,
            "mtime_ns": each.identity.mtime_ns,
            "inode": each.identity.inode,
            "graph_due_at": now,
        }
        for file, each in changed.items()
        if each.identity is not None and each.tags is not None
    ]
    change(connection, file_table, rows)
    with row_batch(connection) as batch:
        add_tags(batch, {file: (now, each.tags) for file, each in changed.items() if each.tags is not None})
    details = {file: {"proposal": each.proposal} for file, each in changed.items()}
    note_each(connection, details, "tags written", now)


def _clear_places(
    connection: Connection, places: Mapping[int, tuple[int, bytes]], known: set[int], now: float
) -> None:
    """Free the places in the table: rows that move too are parked, others are known by the row that comes there."""
    by_root: dict[int, list[bytes]] = {}
    for root, path in places.values():
        by_root.setdefault(root, []).append(path)
    comes = {place: file for file, place in places.items() if file in known}
    parked, hidden = [], []
    for root, paths in by_root.items():
        for row in connection.execute(
            select(file_table.c.id, file_table.c.path).where(
                file_table.c.root_id == root,
                file_table.c.path.in_(paths),
                file_table.c.moved_to_id.is_(None),
            )
        ):
            comer = comes.get((root, row.path))
            if comer is None or comer == row.id:
                continue
            if row.id in known:
                parked.append({"id": row.id, "path": b"\0%d" % row.id})
            else:
                hidden.append(
                    {"id": row.id, "moved_to_id": comer, "missing_since": None, "graph_due_at": now}
                )
    change(connection, file_table, parked)
    change(connection, file_table, hidden)


def _located(roots: Sequence[tuple[int, bytes]], path: bytes) -> tuple[int, bytes] | None:
    """The root that a path is below, by id, and the path relative to it. No root is in another one."""
    scopes = ((id_, scope_in(root, path)) for id_, root in roots)
    return next(((id_, scope) for id_, scope in scopes if scope is not None), None)
