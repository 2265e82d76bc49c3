"""What the scans of a run could not read."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column; every row stays."""
    op.add_column("runs", sa.Column("unread", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Remove what ``upgrade`` has added."""
    op.drop_column("runs", "unread")
