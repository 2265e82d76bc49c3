"""What persons and programs had the library do: when, who, from where, what, and how many rows it changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from tonearm.library.access_schema import audit_table
from tonearm.library.database import Database
from tonearm.library.database_time import database_time


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something. origin: from where."""

    who: str
    origin: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that was done. about: the filter or the names. rows: ``None`` where their number is not known."""

    id: int
    at: float
    actor: Actor
    action: str
    about: Mapping[str, Any]
    rows: int | None

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return {
            "id": self.id,
            "at": self.at,
            "who": self.actor.who,
            "from": self.actor.origin,
            "action": self.action,
            "about": dict(self.about),
            "rows": self.rows,
        }


class Audit:
    """The audit of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, actor: Actor, action: str, about: Mapping[str, Any], rows: int | None = None) -> None:
        """Note an action that was carried out. Values that are ``None`` or empty are left out of ``about``."""
        given = {name: value for name, value in about.items() if value not in (None, "", (), [])}
        with self._database.write() as connection:
            connection.execute(
                insert(audit_table).values(
                    at=database_time(),
                    who=actor.who,
                    origin=actor.origin,
                    action=action,
                    about=given,
                    rows=rows,
                )
            )

    def latest(
        self, limit: int, since: float | None = None, before: int | None = None
    ) -> Sequence[AuditEntry]:
        """Entries, the newest first. since: a time. before: only entries with smaller ids."""
        query = select(audit_table).order_by(audit_table.c.id.desc()).limit(limit)
        if since is not None:
            query = query.where(audit_table.c.at >= since)
        if before is not None:
            query = query.where(audit_table.c.id < before)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            AuditEntry(row.id, row.at, Actor(row.who, row.origin), row.action, row.about, row.rows)
            for row in rows
        ]
