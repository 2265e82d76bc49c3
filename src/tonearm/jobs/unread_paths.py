"""What the scans of a run could not read: folders and files, with the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from tonearm.library.schema import run_table
from tonearm.names import from_document, to_document

NAMED = 100
"""Number of paths that a run names; further ones are counted."""


@dataclass(frozen=True, slots=True)
class UnreadPath:
    """A folder or file that could not be read, or is not mounted."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Unread:
    """What a run could not read. count: of all paths. named: the first ones."""

    count: int = 0
    named: tuple[UnreadPath, ...] = ()


NOTHING = Unread()


def note_unread(connection: Connection, run: int, found: Sequence[UnreadPath]) -> None:
    """Add paths to those that a run could not read; one that it names already is not counted again."""
    wanted = select(run_table.c.unread).where(run_table.c.id == run).with_for_update()
    known = unread_of(connection.execute(wanted).scalar_one())
    named = {each.path: each for each in known.named}
    new = {each.path: each for each in found if each.path not in named}
    shown = [*named.values(), *new.values()][:NAMED]
    document = {
        "count": known.count + len(new),
        "named": [[to_document(each.path), each.reason] for each in shown],
    }
    connection.execute(update(run_table).where(run_table.c.id == run).values(unread=document))


def unread_of(document: Mapping[str, Any]) -> Unread:
    """What the column of a run tells."""
    named = document.get("named", ())
    return Unread(
        document.get("count", 0), tuple(UnreadPath(from_document(path), reason) for path, reason in named)
    )
