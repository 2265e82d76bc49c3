"""Keeps results and locks when sounds get other identities by a new version: the former hash stays as an alias."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from tonearm.library.curation_schema import locked_value_table
from tonearm.library.locked_values import locks_of
from tonearm.library.one_of import among
from tonearm.library.schema import alias_table, analysis_table, audio_table

SAME_S = 0.1
"""Difference of lengths up to which results can be those of a file."""


@dataclass(frozen=True, slots=True)
class FormerIdentity:
    """What the previous version called the sound of a file. exact_s: the length that the file declares, if it does."""

    hash: str
    exact_s: float | None = None


_CALLED = (
    select(audio_table.c.id, audio_table.c.hash, audio_table.c.decoded_s)
    .where(among(audio_table.c.hash, "hashes"))
    .order_by(audio_table.c.hash)
)
_CALLED_LOCKED = _CALLED.with_for_update()
_ALIASES = select(alias_table.c.hash).where(among(alias_table.c.hash, "hashes"))
_DOUBTFUL = (
    select(audio_table.c.id, alias_table.c.adopted_at)
    .join(alias_table, alias_table.c.audio_id == audio_table.c.id)
    .where(
        alias_table.c.hash == bindparam("former"),
        alias_table.c.adopted_at.is_not(None),
        audio_table.c.hash != bindparam("present"),
    )
)
_LOCKED = (
    select(alias_table.c.hash.label("former"), locked_value_table)
    .join(alias_table, alias_table.c.audio_id == locked_value_table.c.audio_id)
    .where(among(alias_table.c.hash, "formers"))
)


def adopt(connection: Connection, identities: Mapping[str, FormerIdentity], now: float) -> None:
    """Give the sounds that are known by former hashes the present ones, once and for all.

    identities: by present hash. A sound stays as it is that two present ones were called, that has another length, or
    whose present hash is known already: it is not known whose its results are.
    """
    presents: dict[str, list[str]] = {}
    for present, former in identities.items():
        presents.setdefault(former.hash, []).append(present)
    rows = connection.execute(_CALLED_LOCKED, {"hashes": list(presents)}).all()
    aliases = set(
        connection.execute(_ALIASES, {"hashes": list(presents)}).scalars()
    )  # those of other workers too
    taken = {row.hash for row in connection.execute(_CALLED, {"hashes": list(identities)})}
    for row in rows:
        if row.hash in aliases:
            continue
        first, *others = presents[row.hash]
        declared_s = identities[first].exact_s
        differs = None not in (declared_s, row.decoded_s) and abs(declared_s - row.decoded_s) > SAME_S
        is_it = not (others or first in taken or differs) and _call(connection, row.id, first)
        connection.execute(
            insert(alias_table).values(hash=row.hash, audio_id=row.id, adopted_at=now if is_it else None)
        )


def _call(connection: Connection, audio: int, present: str) -> bool:
    """Give a sound its present hash; ``False`` if another worker is storing a sound by it just now."""
    try:
        with connection.begin_nested():
            connection.execute(update(audio_table).where(audio_table.c.id == audio).values(hash=present))
    except IntegrityError:
        return False
    return True


def inherit_locks(connection: Connection, formers: Mapping[int, str]) -> None:
    """Copy what is locked for sounds that were called by former hashes to other sounds that were called so too.

    formers: former hash by the id of the sound. Its results are measured anew, but what a person said of it stays.
    """
    if not formers:
        return
    rows = connection.execute(_LOCKED, {"formers": list(set(formers.values()))}).all()
    locks = {row.former: dict(row._mapping) for row in rows}
    wanted = {audio: locks[former] for audio, former in formers.items() if former in locks}
    for audio in wanted.keys() - locks_of(connection, list(wanted)).keys():
        row = {name: value for name, value in wanted[audio].items() if name != "former"}
        connection.execute(insert(locked_value_table).values(row | {"audio_id": audio}))


def shared_wrongly(
    connection: Connection, present: str, former: str, versions: Mapping[str, int]
) -> int | None:
    """The sound whose results may be those of a file with another present hash, as both have a former one.

    ``None`` if there is none: no present result of it is older than its present hash. ``versions``: of the analysers.
    """
    row = connection.execute(_DOUBTFUL, {"former": former, "present": present}).one_or_none()
    if row is None:
        return None
    older = select(analysis_table.c.analyser, analysis_table.c.version).where(
        analysis_table.c.audio_id == row.id, analysis_table.c.made_at < row.adopted_at
    )
    found = connection.execute(older).all()
    return int(row.id) if any(versions.get(each.analyser) == each.version for each in found) else None
