"""Scans that one process asks another one for, and which workers carry them out; values that a person has locked."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns and tables; every row stays."""
    op.add_column("runs", sa.Column("asked", sa.JSON(), nullable=True))
    op.add_column("workers", sa.Column("scans", sa.Boolean(), nullable=False, server_default=sa.false()))
    _create_locked_values()
    _create_highest_ids()


def downgrade() -> None:
    """Remove what ``upgrade`` has added."""
    op.drop_table("highest_ids")
    op.drop_table("locked_values")
    op.drop_column("workers", "scans")
    op.drop_column("runs", "asked")


def _create_locked_values() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "locked_values",
        sa.Column("audio_id", key, sa.ForeignKey("audio.id"), primary_key=True, autoincrement=False),
        sa.Column("bpm", sa.Double(), nullable=True),
        sa.Column("first_beat_s", sa.Double(), nullable=True),
        sa.Column("camelot", sa.String(), nullable=True),
        sa.Column("locked_at", sa.Double(), nullable=False),
    )


def _create_highest_ids() -> None:
    """With the ids that other tables still name, as no row may get them again."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    table = op.create_table(
        "highest_ids",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("id", key, nullable=False),
    )
    named = {
        "files": (("forgotten_files", "file_id"), ("rename_steps", "file_id")),
        "proposals": (("rename_steps", "proposal_id"), ("rewrites", "proposal_id")),
    }
    for name, columns in named.items():
        ids = [
            op.get_bind()
            .execute(sa.select(sa.func.max(sa.column(column))).select_from(sa.table(other)))
            .scalar()
            for other, column in columns
        ]
        if highest := max((id_ for id_ in ids if id_ is not None), default=None):
            op.execute(sa.insert(table).values(name=name, id=highest))
