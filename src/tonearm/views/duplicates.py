"""The same sound under several paths: every file of it, the one that is better kept first."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, tuple_

from tonearm.library.database import Database
from tonearm.library.one_of import among
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import IS_PRESENT, audio_table, file_table, root_table, tags_table
from tonearm.names import path_fields
from tonearm.views.reading import MANY_AT_ONCE, reading

SOUNDS_AT_ONCE = 200
"""Number of sounds whose files are read by the same statements."""
DESCRIBED = ("title", "artist", "album", "album_artist", "track", "year", "genre")
"""Tags that are counted to tell which file is described best."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One of several files with the same sound.

    copies: number of files with it. keep: whether this one is better kept. tags: how many of ``DESCRIBED`` it has.
    """

    id: int
    path: bytes
    audio_hash: str
    copies: int
    keep: bool
    size: int
    codec: str
    container: str | None
    bit_rate_bps: int | None
    complete: bool | None
    tags: int
    pictures: int
    found_at: float

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return {
            "id": self.id,
            **path_fields(self.path),
            "audio_hash": self.audio_hash,
            "copies": self.copies,
            "keep": self.keep,
            "size": self.size,
            "codec": self.codec,
            "container": self.container,
            "bit_rate_bps": self.bit_rate_bps,
            "complete": self.complete,
            "tags": self.tags,
            "pictures": self.pictures,
            "found_at": self.found_at,
        }


_TAGS: ColumnElement[int] = sum(
    (case((tags_table.c[name].is_not(None), 1), else_=0) for name in DESCRIBED[1:]),
    start=case((tags_table.c[DESCRIBED[0]].is_not(None), 1), else_=0),
)
_WORSE: ColumnElement[int] = (
    case((file_table.c.complete.is_(True), 0), (file_table.c.complete.is_(None), 1), else_=2) * 100_000
    + (len(DESCRIBED) - _TAGS) * 10_000
    + case((tags_table.c.art_count > 0, 0), else_=1) * 5_000
    + func.length(file_table.c.path)
)
"""What the files of a sound are ordered by: complete ones first, then by tags, pictures and length of path."""
_ORDER = (file_table.c.audio_id, _WORSE, file_table.c.id)
_FILES = (
    select(
        file_table.c.id,
        file_table.c.path,
        root_table.c.path.label("root"),
        file_table.c.audio_id,
        audio_table.c.hash,
        audio_table.c.codec,
        file_table.c.size,
        file_table.c.container,
        file_table.c.bit_rate_bps,
        file_table.c.complete,
        file_table.c.found_at,
        func.coalesce(tags_table.c.art_count, 0).label("pictures"),
        _TAGS.label("tags"),
        _WORSE.label("worse"),
    )
    .join(root_table, root_table.c.id == file_table.c.root_id)
    .join(audio_table, audio_table.c.id == file_table.c.audio_id)
    .outerjoin(tags_table, tags_table.c.file_id == file_table.c.id)
    .where(among(file_table.c.audio_id, "audios"), IS_PRESENT)
    .order_by(*_ORDER)
)
_COPIES = (
    select(file_table.c.audio_id, func.count().label("files"))
    .where(among(file_table.c.audio_id, "audios"), IS_PRESENT)
    .group_by(file_table.c.audio_id)
    .having(func.count() > 1)
)


def duplicates(database: Database, place: Place | None = None) -> Iterator[Duplicate]:
    """Every file whose sound another file has too, sound by sound, in the order in which sounds were found.

    place: only sounds with a file at or below it. Pages of bounded size are read one after the other, from where the
    last one ended; no transaction is open between them.
    """
    sound = 0
    while True:
        with reading(database) as connection:
            candidates = connection.execute(_several(sound, place)).scalars().all()
            copies = {row.audio_id: row.files for row in connection.execute(_COPIES, {"audios": candidates})}
        if not candidates:
            return
        yield from _files(database, copies)
        sound = candidates[-1]


def _several(after: int, place: Place | None) -> Any:
    """Sounds that several rows have: their ids, read from the index over them; missing files are counted too."""
    audio = file_table.c.audio_id
    found = select(audio).where(audio > after).group_by(audio).having(func.count() > 1)
    if place is not None:
        here = func.sum(case((and_(in_place(place), IS_PRESENT), 1), else_=0))
        found = found.having(here > 0)
    return found.order_by(audio).limit(SOUNDS_AT_ONCE)


def _files(database: Database, copies: Mapping[int, int]) -> Iterator[Duplicate]:
    after: tuple[int, int, int] | None = None
    previous: int | None = None
    while copies:
        with reading(database) as connection:
            rows = _page(connection, list(copies), after)
        for row in rows:
            yield _duplicate(row, copies[row.audio_id], row.audio_id != previous)
            previous = row.audio_id
        if len(rows) < MANY_AT_ONCE:
            return
        after = (rows[-1].audio_id, rows[-1].worse, rows[-1].id)


def _page(connection: Connection, audios: Sequence[int], after: tuple[int, int, int] | None) -> Sequence[Any]:
    query = _FILES.limit(MANY_AT_ONCE)
    if after is not None:
        audio, worse, file = after
        query = query.where(
            or_(
                file_table.c.audio_id > audio,
                and_(file_table.c.audio_id == audio, tuple_(_WORSE, file_table.c.id) > tuple_(worse, file)),
            )
        )
    return connection.execute(query, {"audios": audios}).all()


def _duplicate(row: Any, copies: int, keep: bool) -> Duplicate:
    return Duplicate(
        id=row.id,
        path=os.path.join(row.root, row.path),
        audio_hash=row.hash,
        copies=copies,
        keep=keep,
        size=row.size,
        codec=row.codec,
        container=row.container,
        bit_rate_bps=row.bit_rate_bps,
        complete=row.complete,
        tags=row.tags,
        pictures=row.pictures,
        found_at=row.found_at,
    )
