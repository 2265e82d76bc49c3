"""Removes missing files from the library, with everything that is stored about them."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Column,
    Connection,
    Table,
    delete,
    func,
    inspect,
    or_,
    select,
    table,
    text,
)
from sqlalchemy import column as named
from sqlalchemy.exc import OperationalError

from tonearm.library.bulk_write import upsert
from tonearm.library.curation_schema import locked_value_table  # noqa: F401  its rows refer to audio
from tonearm.library.database import Database
from tonearm.library.features import PREFIX
from tonearm.library.file_contents import AUDIO_ID
from tonearm.library.rename_schema import proposal_table, rename_step_table, rewrite_table
from tonearm.library.roots import Place, in_place
from tonearm.library.schema import (
    audio_table,
    file_table,
    forgotten_file_table,
    highest_id_table,
    job_table,
    metadata,
    run_table,
)

BATCH = 200
"""Files that are removed in one transaction."""
_OPEN_STATES = ("queued", "running", "retrying")
_NAMED_ELSEWHERE = (file_table, proposal_table)
"""Tables whose ids are kept where the database does not know it: in the graph, by people."""
_MISSING = (file_table.c.missing_since.is_not(None), file_table.c.moved_to_id.is_(None))


@dataclass(frozen=True, slots=True)
class MissingFile:
    """A file that the last scan of its folder did not find. ``path`` is relative to its root."""

    id: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed.

    files: ids of the files that are no longer in the library; the others belong to a run that has not ended.
    audio: number of pieces of audio that were removed because no file has them any more.
    """

    files: frozenset[int]
    audio: int


def count_missing(database: Database, place: Place) -> int:
    """How many files at or below a place are missing."""
    with database.read() as connection:
        counted = select(func.count()).select_from(file_table).where(in_place(place), *_MISSING)
        return connection.execute(counted).scalar_one()


def missing_files(database: Database, place: Place) -> Iterator[list[MissingFile]]:
    """The missing files at or below a place, in batches; a batch may be forgotten before the next is read."""
    last = 0
    while True:
        with database.read() as connection:
            rows = connection.execute(
                select(file_table.c.id, file_table.c.path)
                .where(in_place(place), file_table.c.id > last, *_MISSING)
                .order_by(file_table.c.id)
                .limit(BATCH)
            ).all()
        if not rows:
            return
        last = rows[-1].id
        yield [MissingFile(row.id, row.path) for row in rows]


def is_gone(path: bytes) -> bool:
    """Whether a path is certainly not on the disk; ``False`` as well where it can't be read."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def forget(database: Database, files: Iterable[int]) -> Forgotten:
    """Remove files with their tags, history and jobs, in one transaction; then audio that no file has any more.

    Files that are no longer missing stay, as do those of a run that has not ended: its counts depend on them. The
    removals are entered in the outbox of the graph.
    """
    with database.write() as connection:
        chosen = connection.execute(
            select(file_table.c.id, file_table.c.audio_id)
            .where(file_table.c.id.in_(list(files)), *_MISSING)
            .order_by(file_table.c.id)
            .with_for_update()
        ).all()
        busy = _busy(connection, [row.id for row in chosen])
        removed = {row.id: row.audio_id for row in chosen if row.id not in busy}
        with_former = removed | _former_rows(connection, list(removed))
        _add_to_graph_outbox(connection, list(with_former))
        _forget_journal(connection, list(with_former))
        _delete(connection, file_table, file_table.c.id, list(with_former))
    return Forgotten(frozenset(removed), _forget_audio(database, set(with_former.values()) - {None}))


def _busy(connection: Connection, files: Sequence[int]) -> set[int]:
    """Those files that an open job or a run that has not ended still counts."""
    found = connection.execute(
        select(job_table.c.file_id)
        .join(run_table, run_table.c.id == job_table.c.run_id)
        .where(
            job_table.c.file_id.in_(files),
            or_(job_table.c.state.in_(_OPEN_STATES), run_table.c.finished_at.is_(None)),
        )
    )
    return set(found.scalars())


def _former_rows(connection: Connection, files: Sequence[int]) -> dict[int, int | None]:
    """The rows of the paths where these files were before they moved, with their audio."""
    found: dict[int, int | None] = {}
    latest = list(files)
    while latest:
        rows = connection.execute(
            select(file_table.c.id, file_table.c.audio_id).where(file_table.c.moved_to_id.in_(latest))
        ).all()
        latest = [row.id for row in rows if row.id not in found]
        found |= {row.id: row.audio_id for row in rows}
    return found


def _add_to_graph_outbox(connection: Connection, files: Sequence[int]) -> None:
    """Keep the outbox entries of the rows that are removed: these files may still be in the graph."""
    due = connection.execute(
        select(file_table.c.id, file_table.c.graph_due_at).where(
            file_table.c.id.in_(files), file_table.c.graph_due_at.is_not(None)
        )
    ).all()
    upsert(
        connection,
        forgotten_file_table,
        ("file_id",),
        [{"file_id": row.id, "graph_due_at": row.graph_due_at} for row in due],
    )


def _forget_journal(connection: Connection, files: Sequence[int]) -> None:
    """Remove what was done to files, and the bytes that they had before; what is not settled yet stays."""
    table = rename_step_table
    settled = (table.c.file_id.in_(files), table.c.state != "intent")
    of_files = select(table.c.group_id).where(*settled)
    connection.execute(delete(rewrite_table).where(rewrite_table.c.group_id.in_(of_files)))
    connection.execute(delete(table).where(*settled))


def _note_highest(connection: Connection, of: Table, key: Column[int], values: Sequence[int]) -> None:
    """Note the ids of rows that are to be removed, which no other row may get."""
    table = highest_id_table
    wanted = select(func.max(of.c.id)).where(key.in_(values))
    highest = connection.execute(wanted).scalar_one()
    known = connection.execute(select(table.c.id).where(table.c.name == of.name)).scalar()
    if highest is not None and highest > (known or 0):
        upsert(connection, table, ("name",), [{"name": of.name, "id": highest}])


def _delete(connection: Connection, of: Table, key: Column[int], values: Sequence[int]) -> None:
    """Delete rows by a key, after every row of another table that refers to them."""
    if not values:
        return
    referring = [
        (other, foreign.parent)
        for other in metadata.sorted_tables
        for foreign in other.foreign_keys
        if other is not of and foreign.column.table is of
    ]
    if referring:
        ids = connection.execute(select(of.c.id).where(key.in_(values))).scalars().all()
        for other, column in referring:
            _delete(connection, other, column, ids)
    if of in _NAMED_ELSEWHERE:
        _note_highest(connection, of, key, values)
    connection.execute(delete(of).where(key.in_(values)))


def _forget_audio(database: Database, audios: set[int | None]) -> int:
    """Remove audio that no file has any more; none while any file is being analysed: it may be the same audio."""
    candidates = [audio for audio in audios if audio is not None]
    if not candidates:
        return 0
    with database.write() as connection:
        if not _nothing_runs(connection):
            return 0
        held = select(file_table.c.id).where(file_table.c.audio_id == audio_table.c.id).exists()
        unused = (
            connection.execute(select(audio_table.c.id).where(audio_table.c.id.in_(candidates), ~held))
            .scalars()
            .all()
        )
        for name in inspect(connection).get_table_names():
            if name.startswith(PREFIX):
                features = table(name, named(AUDIO_ID))
                connection.execute(delete(features).where(features.c[AUDIO_ID].in_(unused)))
        _delete(connection, audio_table, audio_table.c.id, unused)
        return len(unused)


def _nothing_runs(connection: Connection) -> bool:
    """Whether no file is being analysed, and none begins to be before the end of this transaction."""
    if connection.dialect.name == "postgresql":
        try:
            with connection.begin_nested():
                connection.execute(text("SET LOCAL lock_timeout = '2s'"))
                connection.execute(text("LOCK TABLE jobs IN SHARE MODE"))
        except OperationalError:  # the table is in use all the time
            return False
    running = select(job_table.c.id).where(job_table.c.state == "running").limit(1)
    return connection.execute(running).first() is None
