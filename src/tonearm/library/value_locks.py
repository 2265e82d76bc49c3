"""Locks what a person has decided on for sounds, and unlocks it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from tonearm.errors import NotFound
from tonearm.library.bulk_write import upsert
from tonearm.library.curation_schema import locked_value_table
from tonearm.library.database import Database
from tonearm.library.database_time import database_time
from tonearm.library.features import FeatureTables
from tonearm.library.locked_values import NO_LOCKS, Locks, locks_of
from tonearm.library.schema import IS_PRESENT, analysis_table, audio_table, file_table


@dataclass(frozen=True, slots=True)
class LockedSound:
    """What is locked for the sound of a file now. files: number of files that have this sound."""

    audio_hash: str
    locks: Locks
    files: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What counts for a sound while it is decided on. bpm, camelot: locked or measured. length_s: of the sound."""

    locks: Locks
    bpm: float | None
    camelot: str | None
    length_s: float | None


Decide = Callable[[Counted], Locks]
"""Gives the new locks of a sound from what counts now. May raise."""


class ValueLocks:
    """Changes the locks of sounds, and everything that is derived from them."""

    def __init__(self, database: Database, features: FeatureTables, versions: Mapping[str, int]) -> None:
        """``versions``: the present version of each analyser."""
        self._database = database
        self._features = features
        self._versions = versions

    def change(self, file: int, decide: Decide) -> LockedSound:
        """Change the locks of the sound of a file, in one transaction. Raises NotFound, and what ``decide`` raises."""
        with self._database.write() as connection:
            audio = _locked_row(connection, file)
            locks = locks_of(connection, [audio.id]).get(audio.id, NO_LOCKS)
            now = connection.execute(select(database_time())).scalar_one()
            changed = decide(self._counted(connection, audio, locks))
            if changed != locks:
                _write(connection, audio.id, changed, now)
                self._features.write_locked(connection, audio.id, changed)
                connection.execute(
                    update(file_table).where(file_table.c.audio_id == audio.id).values(graph_due_at=now)
                )
            files = connection.execute(
                select(func.count()).where(
                    file_table.c.audio_id == audio.id,
                    IS_PRESENT,
                )
            ).scalar_one()
        return LockedSound(audio.hash, changed, files)

    def _counted(self, connection: Connection, audio: Any, locks: Locks) -> Counted:
        measured: dict[str, Any] = {}
        for row in connection.execute(
            select(analysis_table.c.analyser, analysis_table.c.version, analysis_table.c.scalars).where(
                analysis_table.c.audio_id == audio.id
            )
        ):
            if self._versions.get(row.analyser) == row.version:
                measured |= row.scalars
        counting = {**measured, **locks.counting(measured)}
        return Counted(locks, counting.get("bpm"), counting.get("camelot"), audio.decoded_s)


def _locked_row(connection: Connection, file: int) -> Any:
    """The sound of a file; no result of it is stored until the end of this transaction. Raises NotFound."""
    sound = select(file_table.c.audio_id).where(file_table.c.id == file).scalar_subquery()
    row = connection.execute(
        select(audio_table.c.id, audio_table.c.hash, audio_table.c.decoded_s)
        .where(audio_table.c.id == sound)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("its sound is not known yet; `tonearm analyze` it first")
    return row


def _write(connection: Connection, audio: int, locks: Locks, now: float) -> None:
    if locks == NO_LOCKS:
        connection.execute(delete(locked_value_table).where(locked_value_table.c.audio_id == audio))
        return
    row = {
        "audio_id": audio,
        "bpm": locks.bpm,
        "first_beat_s": locks.first_beat_s,
        "camelot": locks.camelot,
        "locked_at": now,
    }
    upsert(connection, locked_value_table, ("audio_id",), [row])


def with_tempo(counted: Counted, bpm: float | None, times: float | None, first_beat_s: float | None) -> Locks:
    """Lock a tempo: the given one, a multiple of the one that counts, or that itself. Raises ValueError.

    first_beat_s: where a constant grid begins; ``None``: the beats follow the music.
    """
    if first_beat_s is not None and counted.length_s is not None and first_beat_s >= counted.length_s:
        raise ValueError(f"it is only {counted.length_s:.3f} s long")
    if bpm is None:
        if counted.bpm is None:
            raise ValueError("no tempo is known of it; state one with --bpm")
        bpm = round(counted.bpm * (times or 1.0), 3)
    return replace(counted.locks, bpm=bpm, first_beat_s=first_beat_s)


def without_tempo(counted: Counted) -> Locks:
    """Have the measured tempo count."""
    return replace(counted.locks, bpm=None, first_beat_s=None)


def with_key(counted: Counted, camelot: str | None) -> Locks:
    """Lock a key: the given one, or the one that counts. Raises ValueError."""
    chosen = camelot or counted.camelot
    if chosen is None:
        raise ValueError("no key is known of it; `tonearm key set` states one")
    return replace(counted.locks, camelot=chosen)


def without_key(counted: Counted) -> Locks:
    """Use the measured key again."""
    return replace(counted.locks, camelot=None)
