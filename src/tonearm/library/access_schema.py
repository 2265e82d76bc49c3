"""The tables of the tokens of the HTTP service and of what persons and programs did."""

from sqlalchemy import Boolean, Column, Index, Table

from tonearm.library.column_types import CleanText, FiniteFloat
from tonearm.library.schema import Document, Key, metadata

access_token_table = Table(
    "access_tokens",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", CleanText, unique=True, nullable=False),
    Column("digest", CleanText, unique=True, nullable=False),  # SHA-256 of the token, which is kept nowhere
    Column("may_act", Boolean, nullable=False),  # not only read
    Column("made_at", FiniteFloat, nullable=False),
    Column("used_at", FiniteFloat),  # about when it was used last
)
"""A token that the HTTP service accepts."""

audit_table = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", FiniteFloat, nullable=False),
    Column("who", CleanText, nullable=False),
    Column(
        "origin", CleanText, nullable=False
    ),  # a host and a command, or an address and the page or the API
    Column("action", CleanText, nullable=False),
    Column("about", Document, default=dict, nullable=False),
    Column("rows", Key),  # how many rows were changed, where that is known
    Index("ix_audit_at", "at"),
)
"""Something that a person or a program had the library do."""
