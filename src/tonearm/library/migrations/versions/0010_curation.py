"""Scans that one process asks another one for, and which workers carry them out."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns; every row stays."""
    op.add_column("runs", sa.Column("asked", sa.JSON(), nullable=True))
    op.add_column("workers", sa.Column("scans", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Remove what ``upgrade`` has added."""
    op.drop_column("workers", "scans")
    op.drop_column("runs", "asked")
