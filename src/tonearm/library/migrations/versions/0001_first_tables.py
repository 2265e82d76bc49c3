"""The first tables: roots, files, audio, tags, analyses, history, runs, jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON()


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "audio",
        sa.Column("id", KEY, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("codec", sa.String(), nullable=False),
        sa.Column("container", sa.String(), nullable=False),
        sa.Column("sample_rate_hz", sa.BigInteger(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("bit_depth", sa.Integer(), nullable=True),
        sa.Column("bit_rate_bps", sa.BigInteger(), nullable=True),
        sa.Column("declared_s", sa.Double(), nullable=True),
        sa.Column("decoded_s", sa.Double(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=True),
        sa.Column("warnings", DOCUMENT, nullable=False),
        sa.Column("first_seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audio")),
        sa.UniqueConstraint("hash", name=op.f("uq_audio_hash")),
    )
    op.create_table(
        "roots",
        sa.Column("id", KEY, nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("device", sa.BigInteger(), nullable=True),
        sa.Column("mounts", DOCUMENT, nullable=False),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.Column("scanned_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roots")),
        sa.UniqueConstraint("path", name=op.f("uq_roots_path")),
    )
    op.create_table(
        "runs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("paths", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("discovered", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("counts", DOCUMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_table(
        "analyses",
        sa.Column("id", KEY, nullable=False),
        sa.Column("audio_id", KEY, nullable=False),
        sa.Column("analyser", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scalars", DOCUMENT, nullable=False),
        sa.Column("series", DOCUMENT, nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["audio_id"], ["audio.id"], name=op.f("fk_analyses_audio_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_analyses")),
        sa.UniqueConstraint(
            "audio_id", "analyser", "version", name=op.f("uq_analyses_audio_id_analyser_version")
        ),
    )
    op.create_table(
        "files",
        sa.Column("id", KEY, nullable=False),
        sa.Column("root_id", KEY, nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("extension", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=True),
        sa.Column("audio_id", KEY, nullable=True),
        sa.Column("found_at", sa.Double(), nullable=False),
        sa.Column("missing_since", sa.Double(), nullable=True),
        sa.Column("moved_to_id", KEY, nullable=True),
        sa.ForeignKeyConstraint(["audio_id"], ["audio.id"], name=op.f("fk_files_audio_id")),
        sa.ForeignKeyConstraint(["moved_to_id"], ["files.id"], name=op.f("fk_files_moved_to_id")),
        sa.ForeignKeyConstraint(["root_id"], ["roots.id"], name=op.f("fk_files_root_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index(op.f("ix_files_audio_id"), "files", ["audio_id"], unique=False)
    op.create_index(op.f("ix_files_inode"), "files", ["inode"], unique=False)
    op.create_index(
        "uq_files_place",
        "files",
        ["root_id", "path"],
        unique=True,
        sqlite_where=sa.text("moved_to_id IS NULL"),
        postgresql_where=sa.text("moved_to_id IS NULL"),
    )
    op.create_table(
        "history",
        sa.Column("id", KEY, nullable=False),
        sa.Column("file_id", KEY, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("detail", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_history_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history")),
    )
    op.create_index(op.f("ix_history_file_id"), "history", ["file_id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("file_id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("level_by", sa.String(), nullable=False),
        sa.Column("rank", sa.Double(), nullable=False),
        sa.Column("fresh", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("forgiven", sa.Integer(), nullable=False),
        sa.Column("interruptions", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.Double(), nullable=False),
        sa.Column("not_before", sa.Double(), nullable=True),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("advice", sa.String(), nullable=True),
        sa.Column("work_s", sa.Double(), nullable=False),
        sa.Column("decoded_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_jobs_file_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_jobs_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_file_id", "jobs", ["file_id"], unique=False)
    op.create_index("ix_jobs_run_id_state", "jobs", ["run_id", "state"], unique=False)
    op.create_index("ix_jobs_state_rank", "jobs", ["state", "rank"], unique=False)
    op.create_index(
        "uq_jobs_open_file",
        "jobs",
        ["file_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'running', 'retrying')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'retrying')"),
    )
    op.create_table(
        "tags",
        sa.Column("file_id", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("artist", sa.String(), nullable=True),
        sa.Column("album", sa.String(), nullable=True),
        sa.Column("album_artist", sa.String(), nullable=True),
        sa.Column("track", sa.BigInteger(), nullable=True),
        sa.Column("track_total", sa.BigInteger(), nullable=True),
        sa.Column("disc", sa.BigInteger(), nullable=True),
        sa.Column("disc_total", sa.BigInteger(), nullable=True),
        sa.Column("year", sa.BigInteger(), nullable=True),
        sa.Column("genre", sa.String(), nullable=True),
        sa.Column("art_count", sa.Integer(), nullable=False),
        sa.Column("art_bytes", sa.BigInteger(), nullable=False),
        sa.Column("art_mime", sa.String(), nullable=True),
        sa.Column("everything", DOCUMENT, nullable=False),
        sa.Column("warning", sa.String(), nullable=True),
        sa.Column("read_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_tags_file_id")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_tags")),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("tags")
    op.drop_index(
        "uq_jobs_open_file",
        table_name="jobs",
        sqlite_where=sa.text("state IN ('queued', 'running', 'retrying')"),
        postgresql_where=sa.text("state IN ('queued', 'running', 'retrying')"),
    )
    op.drop_index("ix_jobs_state_rank", table_name="jobs")
    op.drop_index("ix_jobs_run_id_state", table_name="jobs")
    op.drop_index("ix_jobs_file_id", table_name="jobs")
    op.drop_table("jobs")
    op.drop_index(op.f("ix_history_file_id"), table_name="history")
    op.drop_table("history")
    op.drop_index(
        "uq_files_place",
        table_name="files",
        sqlite_where=sa.text("moved_to_id IS NULL"),
        postgresql_where=sa.text("moved_to_id IS NULL"),
    )
    op.drop_index(op.f("ix_files_inode"), table_name="files")
    op.drop_index(op.f("ix_files_audio_id"), table_name="files")
    op.drop_table("files")
    op.drop_table("analyses")
    op.drop_table("runs")
    op.drop_table("roots")
    op.drop_table("audio")
