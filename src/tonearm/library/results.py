"""Writes the results of many files at once: audio, tags, analyses. Always inside the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from tonearm.library.bulk_write import RowBatch, among, row_batch
from tonearm.library.completeness import file_warnings, is_complete
from tonearm.library.features import FeatureTables, Findings
from tonearm.library.file_contents import DecodeFacts, FileFacts, SoundFacts, Tags, values_of
from tonearm.library.schema import (
    analysis_table,
    audio_table,
    file_table,
    tags_table,
)


@dataclass(frozen=True, slots=True)
class Sound:
    """The audio of a file. ``decoded``: ``None`` when it was not decoded now."""

    hash: str
    facts: SoundFacts
    decoded: DecodeFacts | None


@dataclass(frozen=True, slots=True)
class StoredSound:
    """Stored audio and its id. ``decoded``: ``None`` when it was never decoded."""

    audio: int
    decoded: DecodeFacts | None


_STORED = select(
    audio_table.c.id,
    audio_table.c.hash,
    audio_table.c.decoded_s,
    audio_table.c.intact,
    audio_table.c.warnings,
).where(among(audio_table.c.hash, "hashes"))
_MARK_CHANGED_IN_GRAPH = (
    update(file_table).where(among(file_table.c.audio_id, "audios")).values(graph_due_at=bindparam("now"))
)


def write_sounds(connection: Connection, sounds: Sequence[Sound], now: float) -> dict[str, StoredSound]:
    """Store audio, no two of the same hash, and return the stored audio by its hash.

    Audio that was not decoded now does not change a stored row.
    """
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for sound in sorted(sounds, key=lambda sound: sound.hash):  # one order for all writers avoids deadlocks
        decoded = values_of(sound.decoded) if sound.decoded else {"warnings": []}
        rows[sound.decoded is not None].append(
            {"hash": sound.hash, "first_seen_at": now, **values_of(sound.facts), **decoded}
        )
    with row_batch(connection) as batch:
        batch.upsert(audio_table, ("hash",), rows[True], first=("first_seen_at",))
        batch.upsert(audio_table, ("hash",), rows[False], first=tuple(audio_table.columns.keys()))
    found = connection.execute(_STORED, {"hashes": [sound.hash for sound in sounds]})
    return {row.hash: StoredSound(row.id, _decoded(row)) for row in found}


def _decoded(row: Any) -> DecodeFacts | None:
    return None if row.decoded_s is None else DecodeFacts(row.decoded_s, bool(row.intact), row.warnings)


def file_columns(file: FileFacts, decoded: DecodeFacts | None) -> dict[str, Any]:
    """The columns of a file's row that describe its contents; completeness is unknown until its audio is decoded."""
    return {
        "container": file.container,
        "bit_rate_bps": file.bit_rate_bps,
        "declared_s": file.exact_s,
        "duration_s": _longer(file.exact_s, decoded.decoded_s if decoded else None),
        "complete": is_complete(file, decoded) if decoded else None,
        "warnings": file_warnings(file, decoded) if decoded else [],
        "remarks": list(file.remarks),
    }


def _longer(declared_s: float | None, decoded_s: float | None) -> float | None:
    """The duration of a file: for a truncated file that of the original, for joined files that of all of them."""
    return max((length for length in (declared_s, decoded_s) if length is not None), default=None)


def add_tags(batch: RowBatch, tags: Mapping[int, Tags], now: float) -> None:
    """Replace the stored tags of files."""
    batch.upsert(
        tags_table,
        ("file_id",),
        [{"file_id": file, "read_at": now, **values_of(read)} for file, read in tags.items()],
    )


def add_findings(batch: RowBatch, found: Mapping[int, Findings], now: float, features: FeatureTables) -> None:
    """Store a row for each audio, analyser and version, and its features; measuring again replaces the row."""
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
    batch.upsert(analysis_table, ("audio_id", "analyser", "version"), rows)
    features.write(batch, found)


def mark_changed_in_graph(connection: Connection, audios: Sequence[int], now: float) -> None:
    """Note that the graph lacks a change of the files with some audio."""
    if audios:
        connection.execute(_MARK_CHANGED_IN_GRAPH, {"audios": audios, "now": now})
