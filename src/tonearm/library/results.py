"""Writes what was measured: audio, tags, analyses, of many files at once. Always inside the caller's transaction."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from tonearm.library.bulk_write import among, upsert
from tonearm.library.completeness import file_warnings, is_complete
from tonearm.library.features import FeatureTables, Findings
from tonearm.library.file_contents import DecodeFacts, FileFacts, SoundFacts, Tags
from tonearm.library.schema import (
    analysis_table,
    audio_table,
    file_table,
    history_table,
    root_table,
    tags_table,
)
from tonearm.names import to_document


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that a file holds. ``decoded``: ``None`` when it was not decoded now."""

    hash: str
    facts: SoundFacts
    decoded: DecodeFacts | None


@dataclass(frozen=True, slots=True)
class StoredSound:
    """A sound as the library knows it. ``decoded``: ``None`` when it was never decoded."""

    audio: int
    decoded: DecodeFacts | None


_STORED = select(
    audio_table.c.id,
    audio_table.c.hash,
    audio_table.c.decoded_s,
    audio_table.c.intact,
    audio_table.c.warnings,
).where(among(audio_table.c.hash, "hashes"))
_GONE = (
    select(file_table.c.id, file_table.c.path, file_table.c.audio_id)
    .where(
        among(file_table.c.audio_id, "audios"),
        file_table.c.missing_since.is_not(None),
        file_table.c.moved_to_id.is_(None),
    )
    .order_by(file_table.c.missing_since.desc(), file_table.c.id)
)
_HERE = select(file_table.c.id, file_table.c.path, file_table.c.audio_id).where(
    among(file_table.c.id, "files")
)
_OWE_GRAPH = (
    update(file_table).where(among(file_table.c.audio_id, "audios")).values(graph_due_at=bindparam("now"))
)


def write_sounds(connection: Connection, sounds: Sequence[Sound], now: float) -> dict[str, StoredSound]:
    """Store sounds, no two of the same hash, and return each by its hash as the library knows it now.

    A sound that was not decoded now changes nothing about one that is stored.
    """
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for sound in sorted(sounds, key=lambda sound: sound.hash):  # one order for all writers avoids deadlocks
        decoded = asdict(sound.decoded) if sound.decoded else {"warnings": []}
        rows[sound.decoded is not None].append(
            {"hash": sound.hash, "first_seen_at": now, **asdict(sound.facts), **decoded}
        )
    upsert(connection, audio_table, ("hash",), rows[True], first=("first_seen_at",))
    upsert(connection, audio_table, ("hash",), rows[False], first=tuple(audio_table.columns.keys()))
    found = connection.execute(_STORED, {"hashes": [sound.hash for sound in sounds]})
    return {row.hash: StoredSound(row.id, _decoded(row)) for row in found}


def _decoded(row: Any) -> DecodeFacts | None:
    return None if row.decoded_s is None else DecodeFacts(row.decoded_s, bool(row.intact), row.warnings)


def file_columns(file: FileFacts, decoded: DecodeFacts | None) -> dict[str, Any]:
    """What is stored in a file's row of its contents; its completeness is unknown while its sound was never decoded."""
    return {
        "container": file.container,
        "bit_rate_bps": file.bit_rate_bps,
        "declared_s": file.exact_s,
        "duration_s": _longer(file.exact_s, decoded.decoded_s if decoded else None),
        "complete": is_complete(file, decoded) if decoded else None,
        "warnings": file_warnings(file, decoded) if decoded else [],
    }


def _longer(declared_s: float | None, decoded_s: float | None) -> float | None:
    """How long a file is: of one that was cut off, what it was; of files that were joined, all of them."""
    return max((length for length in (declared_s, decoded_s) if length is not None), default=None)


def write_tags(connection: Connection, tags: Mapping[int, Tags], now: float) -> None:
    """Replace the stored tags of files."""
    rows = [{"file_id": file, "read_at": now, **asdict(read)} for file, read in tags.items()]
    upsert(connection, tags_table, ("file_id",), rows)


def write_findings(
    connection: Connection, found: Mapping[int, Findings], now: float, features: FeatureTables
) -> None:
    """Store one row an audio, analyser and version, and its features; the same measured twice stays one row."""
    rows = [
        {
            "audio_id": audio,
            "analyser": analyser,
            "version": version,
            "scalars": dict(scalars),
            "series": dict(series),
            "made_at": now,
        }
        for audio, findings in found.items()
        for analyser, (version, scalars, series) in findings.items()
    ]
    upsert(connection, analysis_table, ("audio_id", "analyser", "version"), rows)
    if rows:
        features.write(connection, found)
        connection.execute(_OWE_GRAPH, {"audios": list(found), "now": now})


def follow_moves(connection: Connection, met: Mapping[int, int], now: float) -> dict[int, bytes]:
    """Link missing files to those where their audio was met again; returns the old paths by the new files.

    ``met``: files, no two of the same audio, and their audio. Of several missing files the one of the same name is
    taken, else the one that went last.
    """
    gone: dict[int, list[Any]] = {}
    for row in connection.execute(_GONE, {"audios": list(met.values())}):
        gone.setdefault(row.audio_id, []).append(row)
    if not gone:
        return {}
    moved = {}
    for here in connection.execute(_HERE, {"files": [file for file, audio in met.items() if audio in gone]}):
        if here.audio_id is None:
            path = _follow(connection, here, gone[met[here.id]], now)
            if path is not None:
                moved[here.id] = path
    return moved


def _follow(connection: Connection, here: Any, gone: Sequence[Any], now: float) -> bytes | None:
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
        if linked.rowcount:  # else another worker was quicker
            path = whole_path(connection, row.id)
            note(connection, here.id, "moved", {"from": to_document(path)}, now)
            return path
    return None


def whole_path(connection: Connection, file: int) -> bytes:
    """Where a file lies, its root included."""
    row = connection.execute(
        select(root_table.c.path.label("root"), file_table.c.path)
        .join(root_table, root_table.c.id == file_table.c.root_id)
        .where(file_table.c.id == file)
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
            insert(history_table),
            [{"file_id": file, "at": now, "what": what, "detail": dict(detail)} for file in files],
        )
