"""What is left out: the numbers of files of other kinds."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column; every row stays."""
    op.add_column("runs", sa.Column("left_out", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Remove what ``upgrade`` has added."""
    op.drop_column("runs", "left_out")
