"""Adds what several workers on several hosts need: the outbox of messages, the table of workers, times of runs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OWED = sa.text("owed_at IS NOT NULL")
GRAPH_OWED = sa.text("graph_owed_at IS NOT NULL")
PUBLISHED = sa.text("published_level IS NOT NULL")
UNANNOUNCED = sa.text("state = 'queued' AND owed_at IS NULL AND published_level IS NULL")
PUT_OFF = sa.text("not_before IS NOT NULL")
PARTIAL = (
    ("ix_jobs_owed", ["state", "rank", "owed_at"], OWED),
    ("ix_jobs_published_level", ["published_level", "rank", "published_at"], PUBLISHED),
    ("ix_jobs_unannounced", ["run_id"], UNANNOUNCED),
    ("ix_jobs_not_before", ["state", "not_before"], PUT_OFF),
)
HAS = """
CREATE FUNCTION tonearm_has(whole text, part text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN position(replace(lower(part{letters}), 'ς', 'σ') IN replace(lower(whole{letters}), 'ς', 'σ')) > 0
"""  # this collation of PostgreSQL 17 folds all letters, whatever the locale of the server


def upgrade() -> None:
    """Add the columns and the table; make a message due for waiting jobs, and a graph update for files with audio."""
    op.add_column("files", sa.Column("graph_owed_at", sa.Double(), nullable=True))
    op.create_index(
        "ix_files_graph_owed_at",
        "files",
        ["graph_owed_at"],
        sqlite_where=GRAPH_OWED,
        postgresql_where=GRAPH_OWED,
    )
    op.add_column("runs", sa.Column("scanned_at", sa.Double(), nullable=True))
    op.add_column("runs", sa.Column("seen_at", sa.Double(), nullable=True))
    op.add_column("runs", sa.Column("batches", sa.Integer(), nullable=False, server_default="0"))
    for column in (
        sa.Column("correlation_id", sa.String(), nullable=True),
        sa.Column("owed_at", sa.Double(), nullable=True),
        sa.Column("published_at", sa.Double(), nullable=True),
        sa.Column("published_level", sa.Integer(), nullable=True),
    ):
        op.add_column("jobs", column)
    op.drop_index("ix_jobs_state_rank", table_name="jobs")
    op.create_index("ix_jobs_state_rank", "jobs", ["state", "rank", "id"])
    op.drop_index("ix_jobs_run_id_state", table_name="jobs")
    op.create_index("ix_jobs_run_id_state", "jobs", ["run_id", "state", "rank", "id"])
    for name, columns, rows in PARTIAL:
        op.create_index(name, "jobs", columns, sqlite_where=rows, postgresql_where=rows)
    op.create_index("ix_jobs_run_id_finished_at", "jobs", ["run_id", "finished_at"])
    op.create_table(
        "workers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("instance", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("drain", sa.Boolean(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("hand", sa.JSON(), nullable=False),
        sa.Column("breakers", sa.JSON(), nullable=False),
        sa.Column("unseen", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.execute("UPDATE jobs SET owed_at = queued_at WHERE state IN ('queued', 'retrying')")
    if op.get_bind().dialect.name == "postgresql":  # SQLite gets its own function with each connection
        version = op.get_bind().dialect.server_version_info or ()
        op.execute(HAS.format(letters=' COLLATE "pg_c_utf8"' if version >= (17,) else ""))
    op.execute("UPDATE files SET graph_owed_at = found_at WHERE audio_id IS NOT NULL")


def downgrade() -> None:
    """Drop them."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION tonearm_has")
    op.drop_table("workers")
    op.drop_index("ix_jobs_run_id_finished_at", table_name="jobs")
    for name, _, rows in PARTIAL:
        op.drop_index(name, table_name="jobs", sqlite_where=rows, postgresql_where=rows)
    op.drop_index("ix_jobs_run_id_state", table_name="jobs")
    op.create_index("ix_jobs_run_id_state", "jobs", ["run_id", "state"])
    op.drop_index("ix_jobs_state_rank", table_name="jobs")
    op.create_index("ix_jobs_state_rank", "jobs", ["state", "rank"])
    for column in ("published_level", "published_at", "owed_at", "correlation_id"):
        op.drop_column("jobs", column)
    for column in ("batches", "seen_at", "scanned_at"):
        op.drop_column("runs", column)
    op.drop_index(
        "ix_files_graph_owed_at",
        table_name="files",
        sqlite_where=GRAPH_OWED,
        postgresql_where=GRAPH_OWED,
    )
    op.drop_column("files", "graph_owed_at")
