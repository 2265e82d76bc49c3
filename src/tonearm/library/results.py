"""Writes what was measured: audio, tags, analyses, of many files at once. Always inside the caller's transaction."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from tonearm.library.bulk_write import among, upsert
from tonearm.library.schema import (
    analysis_table,
    audio_table,
    file_table,
    history_table,
    mix_point_table,
    root_table,
    tags_table,
)
from tonearm.names import to_document

Findings = Mapping[str, tuple[int, Mapping[str, Any], Mapping[str, Any]]]
"""By analyser its version, values and series."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of audio that was met. ``report``: decoded_s, complete, warnings; empty when nothing was decoded."""

    hash: str
    facts: Mapping[str, Any]
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """How a piece of audio is known now, whoever decoded it."""

    audio: int
    complete: bool | None
    decoded_s: float | None
    declared_s: float | None


_HEARD = select(
    audio_table.c.id,
    audio_table.c.hash,
    audio_table.c.complete,
    audio_table.c.decoded_s,
    audio_table.c.declared_s,
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


def table_of(model: Any) -> Table:
    """The table behind a model."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101  narrows the library's type
    return table


def write_audio(connection: Connection, pieces: Sequence[Piece], now: float) -> dict[str, Heard]:
    """Note pieces of audio, each once, and say by its hash how each is known now; the first sighting stays noted."""
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for piece in sorted(
        pieces, key=lambda piece: piece.hash
    ):  # two writers get in step, not in each other's way
        row = {"hash": piece.hash, "warnings": [], "first_seen_at": now, **piece.facts, **piece.report}
        rows[bool(piece.report)].append(row)
    upsert(connection, audio_table, ("hash",), rows[True], first=("first_seen_at",))
    upsert(connection, audio_table, ("hash",), rows[False], first=tuple(audio_table.columns.keys()))
    found = connection.execute(_HEARD, {"hashes": [piece.hash for piece in pieces]})
    return {row.hash: Heard(row.id, row.complete, row.decoded_s, row.declared_s) for row in found}


def write_tags(connection: Connection, tags: Mapping[int, Mapping[str, Any]], now: float) -> None:
    """Replace what is known of the tags of files."""
    rows = [{"file_id": file, "read_at": now, **said} for file, said in tags.items()]
    upsert(connection, tags_table, ("file_id",), rows)


def write_findings(connection: Connection, found: Mapping[int, Findings], now: float) -> None:
    """Store one row an audio, analyser and version; the same measured twice stays one row."""
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
    points = {audio: _mix_point(findings) for audio, findings in found.items()}
    points = {audio: point for audio, point in points.items() if point}
    if points:
        rows = [{"audio_id": audio, **point} for audio, point in points.items()]
        upsert(connection, mix_point_table, ("audio_id",), rows)
        connection.execute(_OWE_GRAPH, {"audios": list(points), "now": now})


def _mix_point(findings: Findings) -> dict[str, Any]:
    """What mixing asks for, to be kept where it can be searched; what was not measured now stays as it is."""
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
    return row


def tenths(bpm: float | None) -> int | None:
    """A tempo in whole tenths of a BPM; ``None`` for what is no tempo, as no tempo is a million."""
    return math.floor(bpm * 10 + 0.5) if isinstance(bpm, float | int) and 0 <= bpm < 1e6 else None


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
