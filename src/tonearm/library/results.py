"""Writes the results of many files at once: audio, tags, analyses. Always inside the caller's transaction."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, literal_column, select, update

from tonearm.library.bulk_write import Names, RowBatch, new_ids, upsert, upsert_returning
from tonearm.library.completeness import file_warnings, is_complete
from tonearm.library.features import FeatureTables, Findings
from tonearm.library.file_contents import DecodeFacts, FileFacts, SoundFacts, Tags, values_of
from tonearm.library.locked_values import Locks
from tonearm.library.one_of import among
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
    """Stored audio and its id. decoded: ``None`` when it was never decoded. is_new: no file had it before."""

    audio: int
    decoded: DecodeFacts | None
    is_new: bool


_STORED_COLUMNS = tuple(audio_table.c[name] for name in ("id", "hash", "decoded_s", "intact", "warnings"))
_RETURNED: tuple[ColumnElement[Any], ...] = (
    audio_table.c.id,
    audio_table.c.hash,
    literal_column("(audio.xmax = 0)").label("is_new"),
)  # an updated row has another
_STORED = select(*_STORED_COLUMNS).where(among(audio_table.c.hash, "hashes"))
_IDS = select(audio_table.c.id, audio_table.c.hash).where(among(audio_table.c.hash, "hashes"))
_MARK_CHANGED_IN_GRAPH = (
    update(file_table).where(among(file_table.c.audio_id, "audios")).values(graph_due_at=bindparam("now"))
)


def write_sounds(connection: Connection, sounds: Sequence[Sound], now: float) -> dict[str, StoredSound]:
    """Store audio, no two of the same hash, and return the stored audio by its hash.

    Audio that was not decoded now does not change a stored row.
    """
    decoded: dict[str, Sound] = {}
    others: dict[str, Sound] = {}
    for sound in sorted(sounds, key=lambda sound: sound.hash):  # one order for all writers avoids deadlocks
        (others if sound.decoded is None else decoded)[sound.hash] = sound
    stored = _stored(connection, others) if others else {}
    missing = {digest: sound for digest, sound in others.items() if digest not in stored}
    stored |= _write(connection, decoded, now, first=("first_seen_at",))
    return stored | _write(connection, missing, now, first=tuple(audio_table.columns.keys()))


def _write(
    connection: Connection, sounds: Mapping[str, Sound], now: float, first: Names
) -> dict[str, StoredSound]:
    if not sounds:
        return {}
    rows = [_row(sound, now) for sound in sounds.values()]
    if connection.dialect.name == "postgresql":
        found = upsert_returning(connection, audio_table, ("hash",), rows, first, _RETURNED)
        stored = {row.hash: StoredSound(row.id, sounds[row.hash].decoded, row.is_new) for row in found}
        unchanged = [digest for digest in sounds if digest not in stored]  # of another worker's transaction
        return stored | _stored(connection, unchanged) if unchanged else stored
    known = {row.hash: row.id for row in connection.execute(_IDS, {"hashes": sounds})}
    new = [digest for digest in sounds if digest not in known]
    ids = known | dict(zip(new, new_ids(connection, audio_table, len(new)), strict=True))
    rows = [{"id": ids[row["hash"]], **row} for row in rows]
    upsert(connection, audio_table, ("hash",), rows, ("id", *first))
    return {
        digest: StoredSound(ids[digest], sound.decoded, digest not in known)
        for digest, sound in sounds.items()
    }


def _row(sound: Sound, now: float) -> dict[str, Any]:
    decoded = values_of(sound.decoded) if sound.decoded else {"warnings": []}
    return {"hash": sound.hash, "first_seen_at": now, **values_of(sound.facts), **decoded}


def _stored(connection: Connection, hashes: Collection[str]) -> dict[str, StoredSound]:
    found = connection.execute(_STORED, {"hashes": hashes})
    return {row.hash: StoredSound(row.id, _decoded(row), False) for row in found}


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


def add_tags(batch: RowBatch, tags: Mapping[int, tuple[float, Tags]]) -> None:
    """Replace the stored tags of files, unless they were read later.

    tags: with the time before which they were not read, by the database's clock.
    """
    batch.upsert(
        tags_table,
        ("file_id",),
        [{"file_id": file, "read_at": at, **values_of(read)} for file, (at, read) in tags.items()],
        newest="read_at",
    )


def add_findings(
    batch: RowBatch,
    found: Mapping[int, Findings],
    now: float,
    features: FeatureTables,
    locked: Mapping[int, Locks],
) -> None:
    """Store a row for each audio, analyser and version, and its features; measuring again replaces the row.

    locked: what a person has locked for audio. It is read after ``write_sounds``, which keeps it from being changed.
    """
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
    features.write(batch, found, locked)


def mark_graph_due(connection: Connection, audios: Sequence[int], now: float) -> None:
    """Note that the graph lacks a change of the files with some audio."""
    if audios:
        connection.execute(_MARK_CHANGED_IN_GRAPH, {"audios": audios, "now": now})
