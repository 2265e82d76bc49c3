"""The journal of renames: what is about to be done, what was done, and the rows of files that move along."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from tonearm.library.among import among
from tonearm.library.bulk_write import add, change
from tonearm.library.database import Database, database_time
from tonearm.library.history import note_each
from tonearm.library.proposal import Identity, ProposalStatus
from tonearm.library.rename_schema import proposal_table, rename_step_table
from tonearm.library.roots import scope_in
from tonearm.library.schema import file_table, root_table
from tonearm.names import to_document


class StepKind(StrEnum):
    """What a step does."""

    RENAME = "rename"  # by the system call that does not replace
    LINK = "link"  # by a second link, then removing the first
    COPY = "copy"  # to another file system
    FOLDER = "folder"  # makes the folder ``target``
    TRY = "try"  # makes the folder ``target`` to try what the file system does, and removes it


class StepState(StrEnum):
    """Where a step is."""

    INTENT = "intent"  # written before it is done
    DONE = "done"
    CANCELLED = "cancelled"  # it was not done, or was taken back


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the journal. Paths are whole, as the library knows them.

    position: in its group. unit: steps of one unit are done or taken back together. proposal, file: ``None`` where it
    is about none.
    """

    kind: StepKind
    source: bytes
    target: bytes
    identity: Identity
    position: int = 0
    unit: int = 0
    proposal: int | None = None
    file: int | None = None
    is_undo: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Steps that were written together, in their order."""

    id: int
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Completed:
    """A proposal that was carried out, or taken back. ``identity``: of a copy, where its row is to get it."""

    proposal: int
    file: int | None
    source: bytes
    target: bytes
    is_undo: bool
    identity: Identity | None = None


class RenameJournal:
    """The journal of one library. Its methods may be called by the holder of the lock for renames only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def intend(self, group: Group) -> None:
        """Write the steps of a group before the first one is done."""
        with self._database.write() as connection:
            now = connection.execute(select(database_time())).scalar_one()
            add(
                connection,
                rename_step_table,
                [_step_row(group.id, step, now) for step in group.steps],
            )

    def settle(
        self,
        group: Group,
        done: Iterable[int],
        completed: Sequence[Completed],
        refused: Mapping[int, str] | None = None,
        expired: Sequence[int] = (),
        left: Iterable[int] = (),
    ) -> None:
        """Record what became of a group, in one transaction: its steps, the rows of files, the proposals.

        done: positions of the steps that were done. left: of those that stay open, as neither was possible; the others
        are cancelled. refused: codes by proposal. expired: proposals whose file has changed.
        """
        with self._database.write() as connection:
            now = connection.execute(select(database_time())).scalar_one()
            _close(connection, group, set(done), set(left))
            _move_rows(connection, completed, now)
            _undo_later(connection, completed, now)
            change(
                connection,
                proposal_table,
                [
                    {
                        "id": each.proposal,
                        "status": ProposalStatus.UNDONE if each.is_undo else ProposalStatus.APPLIED,
                        "changed_at": now,
                        "refusal": None,
                    }
                    for each in completed
                ],
            )
            change(
                connection,
                proposal_table,
                [{"id": proposal, "refusal": code} for proposal, code in (refused or {}).items()],
            )
            change(
                connection,
                proposal_table,
                [{"id": id_, "status": ProposalStatus.EXPIRED, "changed_at": now} for id_ in expired],
            )

    def open_groups(self) -> list[Group]:
        """The steps that are written and not settled, by group."""
        table = rename_step_table
        with self._database.read() as connection:
            rows = connection.execute(
                select(table)
                .where(table.c.state == StepState.INTENT)
                .order_by(table.c.at, table.c.group_id, table.c.position)
            ).all()
        return [
            Group(group, [_step(row) for row in several])
            for group, several in groupby(rows, key=lambda row: int(row.group_id))
        ]


def _close(connection: Connection, group: Group, done: set[int], left: set[int]) -> None:
    table = rename_step_table
    for state, positions in (
        (StepState.DONE, done),
        (StepState.CANCELLED, {step.position for step in group.steps} - done - left),
    ):
        if positions:
            connection.execute(
                update(table)
                .where(table.c.group_id == group.id, among(table.c.position, "positions"))
                .values(state=state),
                {"positions": sorted(positions)},
            )


def _undo_later(connection: Connection, completed: Sequence[Completed], now: float) -> None:
    """What was renamed again after an earlier proposal has its old name too when that one is undone."""
    table = proposal_table
    undone = [
        {"file": each.file, "proposal": each.proposal} for each in completed if each.is_undo and each.file
    ]
    if undone:
        connection.execute(
            update(table)
            .where(
                table.c.file_id == bindparam("file"),
                table.c.id > bindparam("proposal"),
                table.c.status == ProposalStatus.APPLIED,
            )
            .values(status=ProposalStatus.UNDONE, changed_at=now),
            undone,
        )


def _step_row(group: int, step: Step, now: float) -> dict[str, Any]:
    return {
        "group_id": group,
        "position": step.position,
        "unit": step.unit,
        "proposal_id": step.proposal,
        "file_id": step.file,
        "kind": step.kind,
        "is_undo": step.is_undo,
        "source": step.source,
        "target": step.target,
        "size": step.identity.size,
        "mtime_ns": step.identity.mtime_ns,
        "inode": step.identity.inode,
        "state": StepState.INTENT,
        "at": now,
    }


def _step(row: Any) -> Step:
    return Step(
        kind=StepKind(row.kind),
        source=row.source,
        target=row.target,
        identity=Identity(row.size, row.mtime_ns, row.inode),
        position=row.position,
        unit=row.unit,
        proposal=row.proposal_id,
        file=row.file_id,
        is_undo=row.is_undo,
    )


def _move_rows(connection: Connection, completed: Sequence[Completed], now: float) -> None:
    """Give the rows of files their new paths; their results stay."""
    moved = [each for each in completed if each.file is not None]
    if not moved:
        return
    roots = [(row.id, row.path) for row in connection.execute(select(root_table.c.id, root_table.c.path))]
    places = {each.file: _located(roots, each.target) for each in moved if each.file is not None}
    known = set(
        connection.execute(
            select(file_table.c.id).where(among(file_table.c.id, "files")), {"files": list(places)}
        ).scalars()
    )
    _clear_places(connection, {file: place for file, place in places.items() if place}, known, now)
    rows = []
    for each in moved:
        place = places[each.file] if each.file in known and each.file is not None else None
        if place is None:  # forgotten meanwhile, or outside every root
            continue
        row = {
            "id": each.file,
            "root_id": place[0],
            "path": place[1],
            "missing_since": None,
            "graph_due_at": now,
        }
        if each.identity is not None:
            row |= {"mtime_ns": each.identity.mtime_ns, "inode": each.identity.inode}
        rows.append(row)
    change(connection, file_table, rows)
    note_each(
        connection,
        {
            each.file: {"from": to_document(each.source), "proposal": each.proposal}
            for each in moved
            if each.file in known and each.file is not None
        },
        "moved",
        now,
    )


def _clear_places(
    connection: Connection, places: Mapping[int, tuple[int, bytes]], known: set[int], now: float
) -> None:
    """Free the places in the table: rows that move too are parked, others are known by the row that comes there."""
    by_root: dict[int, list[bytes]] = {}
    for root, path in places.values():
        by_root.setdefault(root, []).append(path)
    comes = {place: file for file, place in places.items() if file in known}
    parked, hidden = [], []
    for root, paths in by_root.items():
        for row in connection.execute(
            select(file_table.c.id, file_table.c.path).where(
                file_table.c.root_id == root,
                file_table.c.path.in_(paths),
                file_table.c.moved_to_id.is_(None),
            )
        ):
            comer = comes.get((root, row.path))
            if comer is None or comer == row.id:
                continue
            if row.id in known:
                parked.append({"id": row.id, "path": b"\0%d" % row.id})
            else:
                hidden.append(
                    {"id": row.id, "moved_to_id": comer, "missing_since": None, "graph_due_at": now}
                )
    change(connection, file_table, parked)
    change(connection, file_table, hidden)


def _located(roots: Sequence[tuple[int, bytes]], path: bytes) -> tuple[int, bytes] | None:
    """The root that a path is below, by id, and the path relative to it. No root is in another one."""
    scopes = ((id_, scope_in(root, path)) for id_, root in roots)
    return next(((id_, scope) for id_, scope in scopes if scope is not None), None)
