"""What traces need of jobs: how often a person retried them, and whether their traces are recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; every row stays."""
    op.add_column("jobs", sa.Column("retried", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("sampled", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("jobs", "sampled")
    op.drop_column("jobs", "retried")
