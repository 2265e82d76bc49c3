"""What is observed: where a worker serves its metrics."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns; every row stays."""
    op.add_column("workers", sa.Column("url", sa.String(), nullable=True))


def downgrade() -> None:
    """Remove what ``upgrade`` has added."""
    op.drop_column("workers", "url")
