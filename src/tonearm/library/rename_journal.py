"""The journal of what is done to files: what is about to be done, what was done, and the rows that follow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, or_, select, update

from tonearm.library.bulk_write import add, change
from tonearm.library.column_types import unindexed
from tonearm.library.database import Database
from tonearm.library.database_time import database_time
from tonearm.library.file_changes import Completed, change_rows, move_rows
from tonearm.library.one_of import among
from tonearm.library.proposal import DECIDABLE, FileStamp, ProposalKind, ProposalStatus
from tonearm.library.rename_schema import proposal_table, rename_step_table, rewrite_table


class StepKind(StrEnum):
    """What a step does."""

    RENAME = "rename"  # by the system call that does not replace
    LINK = "link"  # by a second link, then removing the first
    COPY = "copy"  # to another file system
    FOLDER = "folder"  # makes the folder ``target``
    REWRITE = "rewrite"  # puts the changed copy ``target`` in the place of ``source``
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
    identity: FileStamp
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
class Rewrite:
    """A changed copy that was written whole. before, after: SHA-256. restore: makes the old file of the changed one."""

    proposal: int
    before: bytes
    after: bytes
    restore: bytes


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
            move_rows(connection, [each for each in completed if each.target != each.source], now)
            change_rows(connection, [each for each in completed if each.target == each.source], now)
            _keep_open(connection, group, completed)
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

    def rewriting(self, group: int, rewrite: Rewrite) -> None:
        """Write that the changed copy of a group is whole, before it takes its place."""
        with self._database.write() as connection:
            row = {
                "group_id": group,
                "proposal_id": rewrite.proposal,
                "before": rewrite.before,
                "after": rewrite.after,
                "restore": rewrite.restore,
            }
            add(connection, rewrite_table, [row])

    def written_later(self, proposal: int, file: int | None) -> set[str]:
        """The names of the tags of a file that a later proposal has written, and that were not taken back since."""
        table = proposal_table
        later = select(table.c.changes).where(
            table.c.file_id == file,
            table.c.id > proposal,
            table.c.kind == ProposalKind.TAGS,
            unindexed(table.c.status) == ProposalStatus.APPLIED,
        )
        with self._database.read() as connection:
            return {each["name"] for changes in connection.execute(later).scalars() for each in changes}

    def rewrite_of(self, group: int) -> Rewrite | None:
        """The changed copy of a group, ``None`` where it was not whole."""
        return self._rewrite(rewrite_table.c.group_id == group)

    def applied_rewrite(self, proposal: int, file: int | None, after: bytes) -> Rewrite | None:
        """The copy with the digest ``after`` that took the place of a file when a proposal for it was applied."""
        steps = rename_step_table.c
        applied = select(steps.group_id).where(
            steps.proposal_id == proposal,
            steps.file_id == file,
            steps.kind == StepKind.REWRITE,
            steps.state == StepState.DONE,
            ~steps.is_undo,
        )
        return self._rewrite(rewrite_table.c.group_id.in_(applied) & (rewrite_table.c.after == after))

    def _rewrite(self, condition: ColumnElement[bool]) -> Rewrite | None:
        with self._database.read() as connection:
            row = connection.execute(select(rewrite_table).where(condition)).first()
        return None if row is None else Rewrite(row.proposal_id, row.before, row.after, row.restore)

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


def _keep_open(connection: Connection, group: Group, completed: Sequence[Completed]) -> None:
    """What else is proposed for a file that was changed or copied is proposed for the file as it is now."""
    table = proposal_table
    before = {step.proposal: step.identity for step in group.steps}
    known = [
        {
            "file": each.file,
            "size_then": before[each.proposal].size,
            "mtime_then": before[each.proposal].mtime_ns,
            "size_now": each.identity.size,
            "mtime_now": each.identity.mtime_ns,
            "inode_now": each.identity.inode,
        }
        for each in completed
        if each.file is not None and each.identity is not None and each.proposal in before
    ]
    if known:
        connection.execute(
            update(table)
            .where(
                table.c.file_id == bindparam("file"),
                or_(*(unindexed(table.c.status) == each for each in DECIDABLE)),
                table.c.size == bindparam("size_then"),
                table.c.mtime_ns == bindparam("mtime_then"),
            )
            .values(
                size=bindparam("size_now"), mtime_ns=bindparam("mtime_now"), inode=bindparam("inode_now")
            ),
            known,
        )


def _undo_later(connection: Connection, completed: Sequence[Completed], now: float) -> None:
    """What was renamed again after an earlier proposal has its old name too when that one is undone."""
    table = proposal_table
    undone = [
        {"file": each.file, "proposal": each.proposal}
        for each in completed
        if each.is_undo and each.file and each.target != each.source  # else it is about tags
    ]
    if undone:
        connection.execute(
            update(table)
            .where(
                table.c.file_id == bindparam("file"),
                table.c.id > bindparam("proposal"),
                table.c.kind == ProposalKind.RENAME,
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
        identity=FileStamp(row.size, row.mtime_ns, row.inode),
        position=row.position,
        unit=row.unit,
        proposal=row.proposal_id,
        file=row.file_id,
        is_undo=row.is_undo,
    )
