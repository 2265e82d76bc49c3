"""A proposed name, or proposed tags: what is stored, its states, and which ones are selected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ProposalKind(StrEnum):
    """What is proposed for a file."""

    RENAME = "rename"  # another path
    TAGS = "tags"  # other texts in its tags


class ProposalStatus(StrEnum):
    """Where a proposal is."""

    PENDING = "pending"  # nobody has decided yet
    APPROVED = "approved"  # `apply` carries it out
    REJECTED = "rejected"
    APPLIED = "applied"  # the file has the proposed name, or tags
    UNDONE = "undone"  # it was applied, and the file has its old name, or tags, again
    EXPIRED = "expired"  # the file has changed since, or there is a later proposal for it


DECIDABLE = (ProposalStatus.PENDING, ProposalStatus.APPROVED, ProposalStatus.REJECTED)
"""The states in which a person can still decide."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells whether a path still holds the same file."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """What keeps a name from being used. ``path``: with which file or folder it conflicts."""

    code: str
    path: bytes


@dataclass(slots=True)
class NewProposal:
    """A proposal before it is stored; ``number`` is given when it is. The other fields are those of the table.

    follows: the proposal of the track that it goes along with. changes: of tags, each with field, name, before, after.
    """

    source: bytes
    target: bytes | None
    source_key: bytes
    target_key: bytes | None
    identity: FileStamp
    confidence: float
    file: int | None = None
    kind: ProposalKind = ProposalKind.RENAME
    changes: Sequence[Mapping[str, Any]] = ()
    along: str | None = None
    follows: "NewProposal | None" = None
    costs: Sequence[Mapping[str, Any]] = ()
    conflicts: list[Conflict] = field(default_factory=list)
    warnings: list[Mapping[str, str]] = field(default_factory=list)
    number: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A stored proposal. Paths are whole, as the library knows them."""

    id: int
    batch: int
    kind: ProposalKind
    file: int | None
    along: str | None
    follows: int | None
    source: bytes
    target: bytes | None
    changes: Sequence[Mapping[str, Any]]
    source_key: bytes
    target_key: bytes | None
    identity: FileStamp
    confidence: float
    costs: Sequence[Mapping[str, Any]]
    conflicts: Sequence[Conflict]
    warnings: Sequence[Mapping[str, str]]
    status: ProposalStatus
    changed_at: float
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which proposals of a kind: those that meet every condition that is given.

    below: at or below this path, by the name at the time of the plan. least, most: confidence. conflicted: with or
    without conflicts. target: with this proposed path. follows: those that go along with this proposal.
    file: of this file.
    """

    ids: tuple[int, ...] = ()
    batch: int | None = None
    statuses: tuple[ProposalStatus, ...] = ()
    below: bytes | None = None
    least: float | None = None
    most: float | None = None
    conflicted: bool | None = None
    target: bytes | None = None
    follows: int | None = None
    file: int | None = None
    kind: ProposalKind = ProposalKind.RENAME
