"""When workers rest, and why."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RESTS: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("rest_code", sa.String()),
    ("rest_reason", sa.String()),
    ("rest_since", sa.Double()),
    ("rest_until", sa.Double()),
)


def upgrade() -> None:
    """Add columns; every row stays."""
    for name, kind in RESTS:
        op.add_column("workers", sa.Column(name, kind, nullable=True))
    op.add_column("workers", sa.Column("work_times", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Remove what ``upgrade`` has added."""
    op.drop_column("workers", "work_times")
    for name, _ in reversed(RESTS):
        op.drop_column("workers", name)
