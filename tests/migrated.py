"""Compares the tables of a database with what the program declares."""

import warnings
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import SAWarning

from tonearm.library.database import Database
from tonearm.library.indexes import complete_metadata

DERIVED = ("features_", "tag_words", "ix_tags_words")
"""What is made from other tables; how it is named."""
OF_SQLITE = ("fk_jobs_run_id",)
"""Constraints that PostgreSQL does without."""


def differences(database: Database) -> list[object]:
    """What a migration would have to change, derived tables and indexes left aside."""
    with database.read() as connection, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based", SAWarning)
        warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression-based")
        options = {"compare_type": True, "include_name": _is_declared}
        found = list(
            compare_metadata(MigrationContext.configure(connection, opts=options), complete_metadata)
        )
    named = [change[1].name for change in found if change[0] in ("add_index", "remove_index")]
    both = {name for name in named if named.count(name) == 2}  # over expressions, which PostgreSQL rewrites
    return [
        change
        for change in found
        if not (change[0] in ("add_index", "remove_index") and change[1].name in both)
        and not (change[0] == "add_fk" and change[1].name in OF_SQLITE and database.shared)
    ]


def _is_declared(name: str | None, *_: Any) -> bool:
    return not (name or "").startswith(DERIVED)
