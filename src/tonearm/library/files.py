"""The rows of files: reads the known files below a root, and writes what a scan found."""

import os
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from tonearm.errors import NotFound
from tonearm.library.bulk_write import add, change, new_ids
from tonearm.library.database import Database
from tonearm.library.database_time import database_time
from tonearm.library.found_file import FoundFile
from tonearm.library.history import note_all, note_each
from tonearm.library.one_of import among
from tonearm.library.roots import below
from tonearm.library.schema import IS_PRESENT, file_table, root_table
from tonearm.names import to_document

MARK_AT_ONCE = 500
"""Number of files that one statement marks as missing."""

_WHOLE_PATHS = (
    select(file_table.c.id, file_table.c.path, root_table.c.path.label("root"))
    .join(root_table, root_table.c.id == file_table.c.root_id)
    .where(among(file_table.c.id, "files"))
)
_NEXT_PRESENT = (
    select(file_table.c.id, file_table.c.path, root_table.c.path.label("root"))
    .join(root_table, root_table.c.id == file_table.c.root_id)
    .where(
        file_table.c.id >= bindparam("at_least"),
        IS_PRESENT,
    )
    .order_by(file_table.c.id)
    .limit(1)
)


class KnownFile(NamedTuple):
    """A file as the library knows it. ``engine``: the analysers, with versions, that its results are from."""

    id: int
    root: int
    path: bytes
    size: int
    mtime_ns: int
    inode: int
    state: str
    engine: str | None
    missing_since: float | None

    @property
    def missing(self) -> bool:
        """Whether the last scan did not find it."""
        return self.missing_since is not None

    def is_same(self, found: FoundFile) -> bool:
        """Whether a found file has the known size and time of modification."""
        return self.size == found.size and self.mtime_ns == found.mtime_ns

    def is_as(self, found: FoundFile) -> bool:
        """Whether nothing of its row is changed by finding it so at its path."""
        return self.is_same(found) and self.inode == found.inode and self.missing_since is None


class FileChange(StrEnum):
    """How a found file differs from what is known of it."""

    NEW = "new"
    CHANGED = "changed"  # another size or time of modification
    MOVED = "moved"  # known at another path, where it no longer is
    UNCHANGED = "unchanged"


class ScannedFile(NamedTuple):
    """A found file, how it has changed, and what is known of it."""

    found: FoundFile
    change: FileChange
    known: KnownFile | None = None


class Files:
    """The known files of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, root: int, scope: bytes, after: bytes | None, limit: int) -> list[KnownFile]:
        """The next known files at or below ``scope`` whose path is greater than ``after``, in the order of paths."""
        conditions: list[ColumnElement[bool]] = [file_table.c.root_id == root]
        if scope:
            conditions.append(below(scope))
        if after is not None:
            conditions.append(file_table.c.path > after)
        with self._database.read() as connection:
            return known_files(connection, *conditions, limit=limit)

    def by_inode(self, inodes: Collection[int]) -> dict[int, list[KnownFile]]:
        """Known files of all roots that had these inodes when they were last read."""
        with self._database.read() as connection:
            files = known_files(connection, file_table.c.inode.in_(list(inodes)))
        found: dict[int, list[KnownFile]] = {}
        for file in files:
            found.setdefault(file.inode, []).append(file)
        return found

    def spread(self, count: int) -> list[bytes]:
        """Paths of up to ``count`` files that were not missing at the last scan, evenly spread over the library."""
        with self._database.read() as connection:
            first, last = connection.execute(
                select(func.min(file_table.c.id), func.max(file_table.c.id))
            ).one()
            if first is None:
                return []
            step = max(1.0, (last - first + 1) / count)
            found: dict[int, bytes] = {}
            for number in range(min(count, last - first + 1)):
                row = connection.execute(_NEXT_PRESENT, {"at_least": first + int(number * step)}).first()
                if row is not None:
                    found[row.id] = os.path.join(row.root, row.path)
        return list(found.values())

    def mark_missing(self, files: Sequence[int]) -> None:
        """Mark files as missing; their results stay."""
        with self._database.write() as connection:
            now = connection.execute(select(database_time())).scalar_one()
            for start in range(0, len(files), MARK_AT_ONCE):
                part = files[start : start + MARK_AT_ONCE]
                connection.execute(
                    update(file_table)
                    .where(file_table.c.id.in_(part), file_table.c.missing_since.is_(None))
                    .values(missing_since=now, graph_due_at=now)
                )
                note_all(connection, part, "missing", now)


def lock_root(connection: Connection, root: int) -> None:
    """Lock a root, so that one process at a time writes files below it.

    Raises:
        NotFound: another process has made its folder part of a larger root.
    """
    locked = connection.execute(select(root_table.c.id).where(root_table.c.id == root).with_for_update())
    if locked.first() is None:
        raise NotFound(
            "another process has meanwhile begun to analyse a folder that contains this one; "
            "it analyses these files too"
        )


def written_meanwhile(
    connection: Connection, root: int, scanned_files: Sequence[ScannedFile]
) -> list[ScannedFile]:
    """The same files; a new one that another process has written since it was looked up is unchanged."""
    paths = [scanned.found.path for scanned in scanned_files if scanned.known is None]
    rows = (
        known_files(connection, file_table.c.root_id == root, file_table.c.path.in_(paths)) if paths else []
    )
    known = {file.path: file for file in rows}
    return [
        ScannedFile(scanned.found, FileChange.UNCHANGED, known[scanned.found.path])
        if scanned.known is None and scanned.found.path in known
        else scanned
        for scanned in scanned_files
    ]


def write_files(
    connection: Connection, root: int, scanned_files: Sequence[ScannedFile], now: float
) -> list[int]:
    """Insert new files, update known ones and their history; returns the id of each file, in the same order."""
    ids = _insert_new(
        connection, root, [scanned.found for scanned in scanned_files if scanned.known is None], now
    )
    known = [(scanned, scanned.known) for scanned in scanned_files if scanned.known is not None]
    _note_changes(connection, known, now)
    change(connection, file_table, [row for each in known if len(row := _changes(root, *each, now)) > 1])
    ids |= {scanned.found.path: file.id for scanned, file in known}
    return [ids[scanned.found.path] for scanned in scanned_files]


def whole_paths(connection: Connection, files: Sequence[int]) -> dict[int, bytes]:
    """The absolute paths of files, by id."""
    return {
        row.id: os.path.join(row.root, row.path) for row in connection.execute(_WHOLE_PATHS, {"files": files})
    }


def _insert_new(
    connection: Connection, root: int, files: Sequence[FoundFile], now: float
) -> dict[bytes, int]:
    if not files:
        return {}
    ids = new_ids(connection, file_table, len(files))
    add(
        connection,
        file_table,
        [
            {
                "id": file_id,
                "root_id": root,
                "path": file.path,
                "size": file.size,
                "mtime_ns": file.mtime_ns,
                "inode": file.inode,
                "extension": file.extension,
                "state": "waiting",
                "found_at": now,
            }
            for file_id, file in zip(ids, files, strict=True)
        ],
    )
    return {file.path: file_id for file_id, file in zip(ids, files, strict=True)}


def _changes(root: int, scanned: ScannedFile, known: KnownFile, now: float) -> dict[str, object]:
    """The id of a known file, and the columns of its row that change."""
    found = scanned.found
    changes: dict[str, object] = {"id": known.id}
    if scanned.change == FileChange.CHANGED:
        changes |= {"size": found.size, "mtime_ns": found.mtime_ns, "inode": found.inode, "state": "waiting"}
    if scanned.change == FileChange.MOVED:
        changes |= {"root_id": root, "path": found.path, "extension": found.extension, "graph_due_at": now}
        changes |= {"left_out_since": None}
    if known.missing:
        changes |= {"missing_since": None, "graph_due_at": now}
    if known.inode != found.inode:
        changes |= {"inode": found.inode}
    return changes


def _note_changes(
    connection: Connection, scanned_files: Sequence[tuple[ScannedFile, KnownFile]], now: float
) -> None:
    """Add to the history of known files what the scan found, before their rows are changed."""
    changed = {
        known.id: {"size": scanned.found.size, "was": known.size}
        for scanned, known in scanned_files
        if scanned.change == FileChange.CHANGED
    }
    note_each(connection, changed, "changed", now)
    moved = [known.id for scanned, known in scanned_files if scanned.change == FileChange.MOVED]
    former = whole_paths(connection, moved) if moved else {}
    note_each(connection, {file: {"from": to_document(path)} for file, path in former.items()}, "moved", now)
    back = [
        known.id for scanned, known in scanned_files if known.missing and scanned.change != FileChange.MOVED
    ]
    note_all(connection, back, "back", now)


def known_files(
    connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[KnownFile]:
    """Known files in the order of paths, without those that were moved and are known by another row."""
    rows = connection.execute(
        select(
            file_table.c.id,
            file_table.c.root_id,
            file_table.c.path,
            file_table.c.size,
            file_table.c.mtime_ns,
            file_table.c.inode,
            file_table.c.state,
            file_table.c.engine,
            file_table.c.missing_since,
        )
        .where(file_table.c.moved_to_id.is_(None), *conditions)
        .order_by(file_table.c.path)
        .limit(limit)
    )
    return [KnownFile._make(row) for row in rows.all()]
