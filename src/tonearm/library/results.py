"""Writes what was measured: audio, tags, analyses. Always inside the caller's transaction."""

import math
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tonearm.library.schema import Analysis, Audio, File, FileTags, History, MixPoint, Root
from tonearm.names import to_document


def upsert(
    connection: Connection,
    table: Table,
    keys: tuple[str, ...],
    *rows: Mapping[str, Any],
    first: tuple[str, ...] = (),
) -> None:
    """Insert rows of the same columns in one statement, or update those with the same keys.

    ``first`` names columns that keep the value they were inserted with.
    """
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values([dict(row) for row in rows])
    changes = {name: statement.excluded[name] for name in rows[0] if name not in (*keys, *first)}
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=changes))


def table_of(model: Any) -> Table:
    """The table behind a model."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101  narrows the library's type
    return table


def write_audio(
    connection: Connection, digest: str, facts: Mapping[str, Any], report: Mapping[str, Any], now: float
) -> int:
    """Note a piece of audio and return its id; the first sighting stays noted."""
    known = connection.execute(select(Audio.id).where(Audio.hash == digest)).scalar_one_or_none()
    if known is None:
        row = {"hash": digest, "warnings": [], "first_seen_at": now, **facts, **report}
        upsert(connection, table_of(Audio), ("hash",), row, first=("first_seen_at",))
        return connection.execute(select(Audio.id).where(Audio.hash == digest)).scalar_one()
    if report:
        connection.execute(update(Audio).where(Audio.id == known).values(**facts, **report))
    return known


def write_tags(connection: Connection, file: int, tags: Mapping[str, Any], now: float) -> None:
    """Replace what is known of a file's tags."""
    upsert(connection, table_of(FileTags), ("file_id",), {"file_id": file, "read_at": now, **tags})


def write_findings(
    connection: Connection,
    audio: int,
    findings: Mapping[str, tuple[int, Mapping[str, Any], Mapping[str, Any]]],
    now: float,
) -> None:
    """Store one row an analyser and version; the same measured twice stays one row."""
    rows = [
        {
            "audio_id": audio,
            "analyser": analyser,
            "version": version,
            "scalars": dict(scalars),
            "series": dict(series),
            "made_at": now,
        }
        for analyser, (version, scalars, series) in findings.items()
    ]
    upsert(connection, table_of(Analysis), ("audio_id", "analyser", "version"), *rows)
    _write_mix_point(connection, audio, findings, now)


def _write_mix_point(
    connection: Connection,
    audio: int,
    findings: Mapping[str, tuple[int, Mapping[str, Any], Mapping[str, Any]]],
    now: float,
) -> None:
    """Keep what mixing asks for where it can be searched; what was not measured now stays as it is.

    The graph is to learn of it for every file that holds this audio.
    """
    row: dict[str, Any] = {}
    if "key" in findings:
        version, scalars, _ = findings["key"]
        camelot = scalars.get("camelot")
        row |= {"camelot": camelot if isinstance(camelot, str) else None, "key_version": version}
    if "tempo" in findings:
        version, scalars, _ = findings["tempo"]
        row |= {"tempo": tenths(scalars.get("bpm")), "tempo_version": version}
    if "character" in findings:
        version, scalars, _ = findings["character"]
        energy = scalars.get("energy")
        sound = isinstance(energy, float | int) and abs(energy) < 1e6
        row |= {"energy": energy if sound else None, "energy_version": version}
    if row:
        upsert(connection, table_of(MixPoint), ("audio_id",), {"audio_id": audio, **row})
        connection.execute(update(File).where(File.audio_id == audio).values(graph_owed_at=now))


def tenths(bpm: float | None) -> int | None:
    """A tempo in whole tenths of a BPM; ``None`` for what is no tempo, as no tempo is a million."""
    return math.floor(bpm * 10 + 0.5) if isinstance(bpm, float | int) and 0 <= bpm < 1e6 else None


def follow_move(connection: Connection, file: int, audio: int, now: float) -> bytes | None:
    """When a missing file held the same audio, link it to the file where it was met again; returns its path.

    Of several, the one of the same name is taken, else the one that went last.
    """
    here = connection.execute(select(File.path, File.audio_id).where(File.id == file)).one()
    gone = connection.execute(
        select(File.id, File.path)
        .where(
            File.audio_id == audio,
            File.missing_since.is_not(None),
            File.moved_to_id.is_(None),
            File.id != file,
        )
        .order_by(File.missing_since.desc(), File.id)
    ).all()
    if here.audio_id is not None:
        return None
    name = os.path.basename(here.path)
    for row in sorted(gone, key=lambda row: os.path.basename(row.path) != name):
        linked = connection.execute(
            update(File)
            .where(File.id == row.id, File.missing_since.is_not(None), File.moved_to_id.is_(None))
            .values(moved_to_id=file, missing_since=None, graph_owed_at=now)
        )
        if linked.rowcount:  # else another worker was quicker
            path = whole_path(connection, row.id)
            note(connection, file, "moved", {"from": to_document(path)}, now)
            return path
    return None


def whole_path(connection: Connection, file: int) -> bytes:
    """Where a file lies, its root included."""
    row = connection.execute(
        select(Root.path.label("root"), File.path).join(Root, Root.id == File.root_id).where(File.id == file)
    ).one()
    path: bytes = os.path.join(row.root, row.path)
    return path


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
    if files:
        connection.execute(
            insert(table_of(History)),
            [{"file_id": file, "at": now, "what": what, "detail": dict(detail)} for file in files],
        )
