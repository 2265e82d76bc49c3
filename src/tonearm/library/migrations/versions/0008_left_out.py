"""What is left out, as numbers and as known files; proposed names and tags of files, and their journal."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns, an index and tables; every row stays."""
    op.add_column("runs", sa.Column("left_out", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("files", sa.Column("left_out_since", sa.Double(), nullable=True))
    op.create_index(
        "ix_files_left_out",
        "files",
        ["root_id", "path"],
        sqlite_where=sa.text("left_out_since IS NOT NULL"),
        postgresql_where=sa.text("left_out_since IS NOT NULL"),
    )
    _create_aliases()
    _create_renames()
    _index_codecs(together=True)
    _index_runs(sa.text("finished_at IS NOT NULL"))


def downgrade() -> None:
    """Remove what ``upgrade`` has added."""
    _index_runs(None)
    _index_codecs(together=False)
    for table in ("rewrites", "rename_steps", "proposals", "rename_batches", "audio_aliases"):
        op.drop_table(table)
    op.drop_index("ix_files_left_out", table_name="files")
    op.drop_column("files", "left_out_since")
    op.drop_column("runs", "left_out")


def _index_codecs(together: bool) -> None:
    """Index codecs and bit depths anew, each with the other one behind it or alone."""
    codec = (
        "substr(codec, 1, 100)"
        if op.get_bind().dialect.name == "sqlite"
        else 'substr(codec, 1, 100) COLLATE "C"'
    )
    for name, first, second in (("codec", codec, "bit_depth"), ("bit_depth", "bit_depth", codec)):
        op.execute(f"DROP INDEX ix_audio_{name}")
        op.execute(f"CREATE INDEX ix_audio_{name} ON audio ({first}{f', {second}' if together else ''})")


def _index_runs(jobs: sa.TextClause | None) -> None:
    """Index jobs by their run and state anew: some of them, or all."""
    op.drop_index("ix_jobs_run_id_state", table_name="jobs")
    op.create_index(
        "ix_jobs_run_id_state", "jobs", ["run_id", "state"], sqlite_where=jobs, postgresql_where=jobs
    )


def _create_aliases() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audio_aliases",
        sa.Column("hash", sa.String(), primary_key=True),
        sa.Column("audio_id", key, sa.ForeignKey("audio.id"), nullable=False),
        sa.Column("adopted_at", sa.Double(), nullable=True),
    )
    op.create_index("ix_audio_aliases_audio_id", "audio_aliases", ["audio_id"])


def _create_renames() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "rename_batches",
        sa.Column("id", key, primary_key=True),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("destination", sa.LargeBinary()),
        sa.Column("complete", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "proposals",
        sa.Column("id", key, primary_key=True),
        sa.Column("batch_id", key, sa.ForeignKey("rename_batches.id"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("file_id", key, sa.ForeignKey("files.id")),
        sa.Column("along", sa.String()),
        sa.Column("follows", key),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("target", sa.LargeBinary()),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("source_key", sa.LargeBinary(), nullable=False),
        sa.Column("target_key", sa.LargeBinary()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("costs", sa.JSON(), nullable=False),
        sa.Column("conflicts", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("conflicted", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("refusal", sa.String()),
    )
    op.create_index("ix_proposals_file_id", "proposals", ["file_id"])
    op.create_index("ix_proposals_follows", "proposals", ["follows"])
    op.create_index("ix_proposals_batch_id_target_key", "proposals", ["batch_id", "target_key"])
    op.create_index("ix_proposals_batch_id_source_key", "proposals", ["batch_id", "source_key"])
    op.create_index("ix_proposals_status", "proposals", ["status", "id"])
    op.create_index("ix_proposals_target", "proposals", ["target"])
    op.create_table(
        "rename_steps",
        sa.Column("group_id", key, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("unit", sa.Integer(), nullable=False),
        sa.Column("proposal_id", key),
        sa.Column("file_id", key),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("is_undo", sa.Boolean(), nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.Column("target", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
    )
    op.create_index("ix_rename_steps_proposal_id", "rename_steps", ["proposal_id"])
    op.create_index("ix_rename_steps_state", "rename_steps", ["state"])
    op.create_table(
        "rewrites",
        sa.Column("group_id", key, primary_key=True, autoincrement=False),
        sa.Column("proposal_id", key, nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("after", sa.LargeBinary(), nullable=False),
        sa.Column("restore", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_rewrites_proposal_id", "rewrites", ["proposal_id"])
