"""Reads the files that can get another name: what the library knows of each, with its track."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from tonearm.library.database import Database
from tonearm.library.files import KnownFile, known_files
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import file_table, root_table
from tonearm.views.reading import MANY_AT_ONCE
from tonearm.views.track import Track
from tonearm.views.track_rows import Results, TrackRows


def count_left_out(database: Database, places: Sequence[Place]) -> int:
    """How many known files at or below some places get no proposals, as scans leave them out."""
    conditions = [file_table.c.left_out_since.is_not(None), file_table.c.missing_since.is_(None)]
    with database.read() as connection:
        counted = (
            select(func.count()).select_from(file_table).where(in_place(each), *conditions) for each in places
        )
        return sum(connection.execute(each).scalar_one() for each in counted)


@dataclass(frozen=True, slots=True)
class Renamable:
    """A file that is not missing, and its track."""

    file: KnownFile
    track: Track


class RenamableFiles:
    """The files of a library that are neither missing nor left out."""

    def __init__(self, database: Database, results: Results) -> None:
        """``results``: the analysers whose results the tracks have; the fewer, the sooner they are read."""
        self._database = database
        self._rows = TrackRows(results, tells_stale=False)

    def each(self, place: Place) -> Iterator[list[Renamable]]:
        """The files at or below a place in the order of their paths, page by page; no transaction stays open."""
        after: bytes | None = None
        while True:
            conditions = [
                in_place(place),
                file_table.c.missing_since.is_(None),
                file_table.c.left_out_since.is_(None),
            ]
            if after is not None:
                conditions.append(file_table.c.path > after)
            with self._database.read() as connection:
                files = known_files(connection, *conditions, limit=MANY_AT_ONCE)
                tracks = self._rows.tracks(connection, [file.id for file in files])
            if not files:
                return
            after = files[-1].path
            yield [Renamable(file, track) for file, track in zip(files, tracks, strict=True)]

    def missing_at(self, root: int, paths: list[bytes]) -> list[bytes]:
        """Those of some paths below a root at which the library knows a missing file."""
        missing = (file_table.c.root_id == root, file_table.c.missing_since.is_not(None))
        with self._database.read() as connection:
            if connection.execute(select(file_table.c.id).where(*missing).limit(1)).first() is None:
                return []  # as for most libraries
            files = known_files(connection, *missing, file_table.c.path.in_(paths))
        return [file.path for file in files]

    def paths(self, files: Sequence[int]) -> dict[int, bytes]:
        """The present path of each file, by its id."""
        found: dict[int, bytes] = {}
        for start in range(0, len(files), MANY_AT_ONCE):
            with self._database.read() as connection:
                rows = connection.execute(
                    select(file_table.c.id, file_table.c.path, root_table.c.path.label("root"))
                    .join(root_table, root_table.c.id == file_table.c.root_id)
                    .where(file_table.c.id.in_(files[start : start + MANY_AT_ONCE]))
                )
                found |= {row.id: os.path.join(row.root, row.path) for row in rows}
        return found
