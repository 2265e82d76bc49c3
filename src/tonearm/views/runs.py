"""Runs as they are shown, with the counts of their files."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from tonearm.errors import NotFound
from tonearm.events.states import Outlook
from tonearm.jobs import run_counts
from tonearm.jobs.run_counts import RunCounts
from tonearm.jobs.unread_paths import NOTHING, Unread, unread_of
from tonearm.library.database import Database
from tonearm.library.left_out import most_frequent
from tonearm.library.schema import run_table
from tonearm.names import from_document, path_fields, paths_fields
from tonearm.views.reading import PAGE, reading


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as it is shown.

    handed_over: how many of its files each later run has taken over, by the later run's id.
    outlook: of a run that has not ended, where it was read. left_out: files of other kinds by extension.
    unread: what its scans could not read.
    """

    id: int
    paths: tuple[bytes, ...]
    state: str
    started_at: float
    finished_at: float | None
    counts: RunCounts
    correlation_id: str
    handed_over: Mapping[int, int] = field(default_factory=dict)
    outlook: Outlook | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    unread: Unread = NOTHING

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return {
            "run": self.id,
            **paths_fields(self.paths),
            "state": self.state,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "correlation_id": self.correlation_id,
            **dataclasses.asdict(self.counts),
            "left_out": dict(self.left_out),
            "unread": self.unread.count,
            "unread_paths": [{**path_fields(each.path), "reason": each.reason} for each in self.unread.named],
            "handed_over": [{"run": later, "files": files} for later, files in self.handed_over.items()],
            "outlook": None if self.outlook is None else dataclasses.asdict(self.outlook),
        }


class RunList:
    """The runs of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def one(self, id: int) -> RunView:  # noqa: A002  the API's name
        """A run. Raises NotFound."""
        found = self.latest(1, min(id + 1, 2**63 - 1))
        if not found or found[0].id != id:
            raise NotFound(f"there is no run {id}")
        return found[0]

    def latest(self, limit: int = PAGE, before: int | None = None) -> list[RunView]:
        """The latest runs, the newest first; ``before``: only runs older than this one, for the next page."""
        chosen = select(run_table).order_by(run_table.c.id.desc()).limit(limit)
        if before is not None:
            chosen = chosen.where(run_table.c.id < before)
        with reading(self._database) as connection:
            rows = connection.execute(chosen).all()
            handed_over = run_counts.handovers(connection, [row.id for row in rows])
            return [
                RunView(
                    row.id,
                    tuple(from_document(path) for path in row.paths),
                    row.state,
                    row.started_at,
                    row.finished_at,
                    run_counts.counts_of(connection, row.id),
                    row.correlation_id,
                    handed_over.get(row.id, {}),
                    left_out=most_frequent(row.left_out),
                    unread=unread_of(row.unread),
                )
                for row in rows
            ]
