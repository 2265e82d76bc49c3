"""Stores and reads proposed names and tags."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from tonearm.errors import NotFound
from tonearm.library.bulk_write import add, change, new_ids
from tonearm.library.column_types import unindexed
from tonearm.library.database import Database
from tonearm.library.database_time import database_time
from tonearm.library.one_of import among
from tonearm.library.proposal import (
    DECIDABLE,
    Conflict,
    FileStamp,
    NewProposal,
    Proposal,
    ProposalKind,
    ProposalStatus,
    Selection,
)
from tonearm.library.rename_schema import proposal_table, rename_batch_table
from tonearm.names import from_document, to_document

AT_ONCE = 500
"""Proposals that are read together."""
_OPEN = (ProposalStatus.PENDING, ProposalStatus.APPROVED)


class Proposals:
    """The proposed names and tags of a library."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, template: str, destination: bytes | None) -> int:
        """A new batch. ``destination``: the folder that its files are to come to, if one was named."""
        with self._database.write() as connection:
            now = _now(connection)
            connection.execute(
                insert(rename_batch_table).values(
                    made_at=now, template=template, destination=destination, complete=False
                )
            )
            return int(connection.execute(select(func.max(rename_batch_table.c.id))).scalar_one())

    def add(self, batch: int, proposals: Sequence[NewProposal]) -> None:
        """Store proposals, and give them their numbers; earlier open ones of the same files expire.

        All are of one kind.
        """
        if not proposals:
            return
        with self._database.write() as connection:
            now = _now(connection)
            numbers = new_ids(connection, proposal_table, len(proposals))
            for proposal, number in zip(proposals, numbers, strict=True):
                proposal.number = number
            _expire_earlier(connection, batch, proposals, now)
            add(connection, proposal_table, [_row(batch, proposal, now) for proposal in proposals])

    def add_conflicts(self, found: Mapping[int, Sequence[Conflict]]) -> None:
        """Add conflicts to proposals, by number."""
        numbers = list(found)
        for start in range(0, len(numbers), AT_ONCE):
            part = numbers[start : start + AT_ONCE]
            with self._database.write() as connection:
                known = connection.execute(
                    select(proposal_table.c.id, proposal_table.c.conflicts).where(
                        among(proposal_table.c.id, "ids")
                    ),
                    {"ids": part},
                ).all()
                change(
                    connection,
                    proposal_table,
                    [
                        {
                            "id": row.id,
                            "conflicts": row.conflicts + [_conflict(each) for each in found[row.id]],
                            "conflicted": True,
                        }
                        for row in known
                    ],
                )

    def complete(self, batch: int) -> None:
        """Note that every proposal of a batch is written and checked."""
        with self._database.write() as connection:
            connection.execute(
                update(rename_batch_table).where(rename_batch_table.c.id == batch).values(complete=True)
            )

    def same_targets(self, batch: int) -> Iterator[tuple[int, bytes]]:
        """Proposals of a batch whose target another one has as well, with the present path of one such other."""
        one, other = proposal_table.alias("one"), proposal_table.alias("other")
        twice = (
            select(one.c.target_key)
            .where(one.c.batch_id == batch, one.c.target_key.is_not(None))
            .group_by(one.c.target_key)
            .having(func.count() > 1)
        )
        with self._database.read() as connection:
            rows = connection.execute(
                select(one.c.id, one.c.target_key, one.c.source, func.min(other.c.id), func.max(other.c.id))
                .join(other, and_(other.c.batch_id == batch, other.c.target_key == one.c.target_key))
                .where(one.c.batch_id == batch, one.c.target_key.in_(twice))
                .group_by(one.c.id, one.c.target_key, one.c.source)
                .order_by(one.c.id)
            ).all()
            sources = {row.id: row.source for row in rows}
            for row in rows:
                yield row.id, sources[row[4] if row[3] == row.id else row[3]]

    def occupied(self, batch: int) -> Sequence[tuple[int, int]]:
        """Pairs of proposals of a batch: the first is to get the path that the second has now."""
        one, other = proposal_table.alias("one"), proposal_table.alias("other")
        with self._database.read() as connection:
            rows = connection.execute(
                select(one.c.id, other.c.id)
                .join(other, and_(other.c.batch_id == batch, other.c.source_key == one.c.target_key))
                .where(one.c.batch_id == batch, one.c.id != other.c.id)
            ).all()
        return [(row[0], row[1]) for row in rows]

    def with_targets(self, batch: int, keys: Mapping[bytes, bytes]) -> Iterator[tuple[int, bytes]]:
        """Proposals of a batch whose target has one of some keys, with what the key stands for."""
        wanted = list(keys)
        table = proposal_table
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            with self._database.read() as connection:
                rows = connection.execute(
                    select(table.c.id, table.c.target_key).where(
                        table.c.batch_id == batch, table.c.target_key.in_(part)
                    )
                ).all()
            yield from ((row.id, keys[row.target_key]) for row in rows)

    def conflicted(self, batch: int) -> set[int]:
        """The proposals of a batch that have conflicts."""
        with self._database.read() as connection:
            found = select(proposal_table.c.id).where(
                proposal_table.c.batch_id == batch, proposal_table.c.conflicted
            )
            return set(connection.execute(found).scalars())

    def latest_batch(self, status: ProposalStatus, kind: ProposalKind = ProposalKind.RENAME) -> int | None:
        """The newest batch with a proposal of a kind in a state."""
        newest = select(func.max(proposal_table.c.batch_id)).where(
            proposal_table.c.kind == kind, proposal_table.c.status == status
        )
        with self._database.read() as connection:
            found: int | None = connection.execute(newest).scalar_one()
            return found

    def destinations(self, batch: int | None) -> list[bytes]:
        """The folders that were named as destinations of a batch, or of all."""
        named = rename_batch_table.c.destination
        wanted = select(named).where(named.is_not(None)).distinct()
        if batch is not None:
            wanted = wanted.where(rename_batch_table.c.id == batch)
        with self._database.read() as connection:
            return list(connection.execute(wanted).scalars())

    def require(self, batch: int | None) -> None:
        """Raise NotFound if there is no such batch; ``None`` stands for all of them."""
        if batch is None:
            return
        with self._database.read() as connection:
            wanted = select(rename_batch_table.c.id).where(rename_batch_table.c.id == batch)
            if connection.execute(wanted).first() is None:
                raise NotFound(f"there is no batch {batch}")

    def kind_of(self, batch: int) -> ProposalKind:
        """What a batch proposes; one without proposals counts as one of names. Raises NotFound."""
        self.require(batch)
        with self._database.read() as connection:
            wanted = select(proposal_table.c.kind).where(proposal_table.c.batch_id == batch).limit(1)
            return ProposalKind(connection.execute(wanted).scalar() or ProposalKind.RENAME)

    def page(self, wanted: Selection, after: int, limit: int) -> list[Proposal]:
        """The next proposals by number."""
        query = (
            select(proposal_table)
            .where(*_conditions(wanted), proposal_table.c.id > after)
            .order_by(proposal_table.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_proposal(row) for row in connection.execute(query)]

    def each(self, wanted: Selection, after: int = 0) -> Iterator[Proposal]:
        """All selected proposals in the order of their numbers, read page by page."""
        while found := self.page(wanted, after, AT_ONCE):
            yield from found
            after = found[-1].id

    def count(self, wanted: Selection) -> dict[str, int]:
        """Number of selected proposals by status."""
        query = (
            select(proposal_table.c.status, func.count())
            .where(*_conditions(wanted))
            .group_by(proposal_table.c.status)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def decidable(self, wanted: Selection, status: ProposalStatus) -> int:
        """How many selected proposals ``decide`` would give a state, not counting the files that go along."""
        with self._database.read() as connection:
            chosen = select(func.count()).where(*_conditions(wanted), *_undecided(status))
            return int(connection.execute(chosen).scalar_one())

    def decide(self, wanted: Selection, status: ProposalStatus) -> int:
        """Give selected proposals a state, with the files that go along; returns how many rows were changed.

        Only such that are pending, approved or rejected; one with conflicts, or of a batch that was not finished, is
        never approved.
        """
        table = proposal_table
        with self._database.write() as connection:
            open_ = _undecided(status)
            chosen = select(table.c.id).where(*_conditions(wanted), *open_)
            values = {"status": status, "changed_at": _now(connection), "refusal": None}
            followers = update(table).where(table.c.follows.in_(chosen), *open_).values(**values)
            changed = connection.execute(followers).rowcount
            selected = update(table).where(*_conditions(wanted), *open_).values(**values)
            return changed + connection.execute(selected).rowcount


def _undecided(status: ProposalStatus) -> list[ColumnElement[bool]]:
    """The conditions of a proposal that can be given a state, and has not got it."""
    table = proposal_table
    found = [table.c.status.in_(DECIDABLE), table.c.status != status]
    if status is ProposalStatus.APPROVED:
        whole = select(rename_batch_table.c.id).where(rename_batch_table.c.complete)
        found += [~table.c.conflicted, table.c.batch_id.in_(whole)]
    return found


def _now(connection: Connection) -> float:
    return float(connection.execute(select(database_time())).scalar_one())


def _expire_earlier(connection: Connection, batch: int, proposals: Sequence[NewProposal], now: float) -> None:
    files = [proposal.file for proposal in proposals if proposal.file is not None]
    table = proposal_table
    is_open = unindexed(table.c.status).in_(_OPEN)  # of all proposals most are open
    others = (table.c.kind == proposals[0].kind, unindexed(table.c.batch_id) != batch)
    earlier = (among(table.c.file_id, "files"), is_open, *others)
    values = {"status": ProposalStatus.EXPIRED, "changed_at": now}
    replaced = connection.execute(select(table.c.id).where(*earlier), {"files": files}).scalars().all()
    for chosen in (among(table.c.id, "ids"), among(table.c.follows, "ids")) if replaced else ():
        connection.execute(update(table).where(chosen, is_open).values(**values), {"ids": replaced})


def _row(batch: int, proposal: NewProposal, now: float) -> dict[str, Any]:
    return {
        "id": proposal.number,
        "batch_id": batch,
        "kind": proposal.kind,
        "file_id": proposal.file,
        "along": proposal.along,
        "follows": proposal.follows.number if proposal.follows is not None else None,
        "source": proposal.source,
        "target": proposal.target,
        "changes": [dict(change) for change in proposal.changes],
        "source_key": proposal.source_key,
        "target_key": proposal.target_key,
        "size": proposal.identity.size,
        "mtime_ns": proposal.identity.mtime_ns,
        "inode": proposal.identity.inode,
        "confidence": proposal.confidence,
        "costs": [dict(cost) for cost in proposal.costs],
        "conflicts": [_conflict(each) for each in proposal.conflicts],
        "warnings": [dict(warning) for warning in proposal.warnings],
        "conflicted": bool(proposal.conflicts),
        "status": ProposalStatus.PENDING,
        "changed_at": now,
    }


def _conflict(conflict: Conflict) -> dict[str, str]:
    return {"code": conflict.code, "path": to_document(conflict.path)}


def _proposal(row: Any) -> Proposal:
    return Proposal(
        id=row.id,
        batch=row.batch_id,
        kind=ProposalKind(row.kind),
        file=row.file_id,
        along=row.along,
        follows=row.follows,
        source=row.source,
        target=row.target,
        changes=row.changes,
        source_key=row.source_key,
        target_key=row.target_key,
        identity=FileStamp(row.size, row.mtime_ns, row.inode),
        confidence=row.confidence,
        costs=row.costs,
        conflicts=[Conflict(each["code"], from_document(each["path"])) for each in row.conflicts],
        warnings=row.warnings,
        status=ProposalStatus(row.status),
        changed_at=row.changed_at,
        refusal=row.refusal,
    )


def _conditions(wanted: Selection) -> list[ColumnElement[bool]]:
    table = proposal_table
    found: list[ColumnElement[bool]] = [unindexed(table.c.kind) == wanted.kind]
    if wanted.ids:
        found.append(table.c.id.in_(wanted.ids))
    if wanted.batch is not None:
        found.append(table.c.batch_id == wanted.batch)
    if wanted.statuses:
        found.append(table.c.status.in_(wanted.statuses))
    if wanted.below is not None:
        inside = wanted.below.rstrip(b"/")
        within = and_(table.c.source > inside + b"/", table.c.source < inside + b"0")
        found.append(or_(table.c.source == wanted.below, within))
    if wanted.least is not None:
        found.append(table.c.confidence >= wanted.least)
    if wanted.most is not None:
        found.append(table.c.confidence <= wanted.most)
    if wanted.conflicted is not None:
        found.append(table.c.conflicted if wanted.conflicted else ~table.c.conflicted)
    if wanted.target is not None:
        found.append(table.c.target == wanted.target)
    if wanted.file is not None:
        found.append(table.c.file_id == wanted.file)
    if wanted.follows is not None:
        found.append(table.c.follows == wanted.follows)
    return found
