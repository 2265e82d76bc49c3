"""What more is told of files: the year of the first release, the exact bytes of tags, and remarks."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and an index; every row stays."""
    op.add_column("tags", sa.Column("original_year", sa.BigInteger(), nullable=True))
    op.create_index("ix_tags_original_year", "tags", ["original_year"])
    op.add_column("tags", sa.Column("exact", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("files", sa.Column("remarks", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Remove what ``upgrade`` has added."""
    op.drop_column("files", "remarks")
    op.drop_column("tags", "exact")
    op.drop_index("ix_tags_original_year", table_name="tags")
    op.drop_column("tags", "original_year")
