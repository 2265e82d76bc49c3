"""The tables of proposed names and tags, and of the journal of what is done to files.

Paths are whole, as the library knows them.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table

from tonearm.library.column_types import CleanText, FiniteFloat
from tonearm.library.schema import Document, Key, metadata

rename_batch_table = Table(
    "rename_batches",
    metadata,
    Column("id", Key, primary_key=True),
    Column("made_at", FiniteFloat, nullable=False),
    Column("template", CleanText, nullable=False),
    Column("destination", LargeBinary),  # the folder of --to
    Column("complete", Boolean, default=False, nullable=False),  # every proposal is written and checked
)
"""One call of `rename plan` or `tags plan`."""

proposal_table = Table(
    "proposals",
    metadata,
    Column("id", Key, primary_key=True),
    Column("batch_id", Key, ForeignKey("rename_batches.id"), nullable=False),
    Column("kind", CleanText, nullable=False),  # "rename" or "tags"
    Column("file_id", Key, ForeignKey("files.id"), index=True),  # NULL: no music, it goes along with a file
    Column("along", CleanText),  # with what it goes along: "track" or "folder"; NULL for music
    Column("follows", Key, index=True),  # the proposal of the track that it goes along with
    Column("source", LargeBinary, nullable=False),
    Column("target", LargeBinary),  # NULL: no name could be made, or it is about tags
    Column(
        "changes", Document, default=list, nullable=False
    ),  # of tags: field, name, texts before and after, entries
    Column("source_key", LargeBinary, nullable=False),  # equal for paths that the file system takes for one
    Column("target_key", LargeBinary),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("confidence", FiniteFloat, nullable=False),
    Column("costs", Document, default=list, nullable=False),  # field, reason, cost
    Column("conflicts", Document, default=list, nullable=False),  # code, path
    Column("warnings", Document, default=list, nullable=False),  # code, detail
    Column("conflicted", Boolean, default=False, nullable=False),
    Column("status", CleanText, nullable=False),
    Column("changed_at", FiniteFloat, nullable=False),  # when it got this status
    Column("refusal", CleanText),  # why the last attempt to apply or undo it did not succeed
    Index("ix_proposals_batch_id_target_key", "batch_id", "target_key"),
    Index("ix_proposals_batch_id_source_key", "batch_id", "source_key"),
    Index("ix_proposals_status", "status", "id"),
    Index("ix_proposals_target", "target"),
)
"""One file, the path that it has, and the path or the tags that are proposed."""

rename_step_table = Table(
    "rename_steps",
    metadata,
    Column("group_id", Key, primary_key=True, autoincrement=False),  # at random
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("unit", Integer, nullable=False),  # steps that are done or taken back together
    Column("proposal_id", Key, index=True),  # NULL: a folder in which something was tried
    Column("file_id", Key),
    Column("kind", CleanText, nullable=False),
    Column("is_undo", Boolean, default=False, nullable=False),
    Column("source", LargeBinary, nullable=False),
    Column("target", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("state", CleanText, nullable=False),
    Column("at", FiniteFloat, nullable=False),
    Index("ix_rename_steps_state", "state"),
)
"""The journal: a step is written before it is done, with state ``intent``."""

rewrite_table = Table(
    "rewrites",
    metadata,
    Column("group_id", Key, primary_key=True, autoincrement=False),
    Column("proposal_id", Key, nullable=False, index=True),
    Column("before", LargeBinary, nullable=False),  # SHA-256 of the file as it was
    Column("after", LargeBinary, nullable=False),  # and as it is then
    Column(
        "restore", LargeBinary, nullable=False
    ),  # what has to be replaced to make the one of the other again
)
"""A changed copy of a file that was written whole, and is to take the place of the file, or has taken it."""
