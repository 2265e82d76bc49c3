"""What is observed: addresses, logs and profiles of workers, failures, deaths of children, retries, ids of runs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FAILED = sa.text("state IN ('quarantined', 'partial', 'retrying')")
LETTERS = """
CREATE FUNCTION tonearm_letters(whole text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN string_to_array(tonearm_fold(whole), NULL)
"""
TEXTS = ("title", "artist", "album", "genre")
SUSPECT = sa.text("child_deaths > 1")
RANDOM_ID = {
    "sqlite": "lower(hex(randomblob(16)))",
    "postgresql": "replace(gen_random_uuid()::text, '-', '')",
}


def upgrade() -> None:
    """Add columns and indexes; every row stays."""
    op.add_column("workers", sa.Column("url", sa.String(), nullable=True))
    op.add_column("workers", sa.Column("log_levels", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("runs", sa.Column("correlation_id", sa.String(), nullable=True))
    op.execute(f"UPDATE runs SET correlation_id = {RANDOM_ID[op.get_bind().dialect.name]}")  # noqa: S608  a constant
    _index_failures()
    op.add_column("jobs", sa.Column("retried", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("sampled", sa.Boolean(), nullable=True))
    _index_letters()
    _create_profiles()


def downgrade() -> None:
    """Remove what ``upgrade`` has added."""
    op.drop_table("profiles")
    _drop_letters()
    op.drop_column("jobs", "sampled")
    op.drop_column("jobs", "retried")
    _drop_failure_indexes()
    op.drop_column("runs", "correlation_id")
    op.drop_column("workers", "log_levels")
    op.drop_column("workers", "url")


def _index_failures() -> None:
    op.add_column("jobs", sa.Column("child_deaths", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE jobs SET child_deaths = (SELECT count(*) FROM attempts WHERE job_id = jobs.id"
        " AND code IN ('crashed', 'killed', 'deadline', 'out-of-memory'))"
        " WHERE id IN (SELECT job_id FROM attempts"
        " WHERE code IN ('crashed', 'killed', 'deadline', 'out-of-memory'))"
    )
    op.create_index("ix_jobs_failed", "jobs", ["code", "id"], sqlite_where=FAILED, postgresql_where=FAILED)
    op.create_index(
        "ix_jobs_failed_at", "jobs", ["finished_at", "id"], sqlite_where=FAILED, postgresql_where=FAILED
    )
    op.create_index("ix_jobs_suspect", "jobs", ["id"], sqlite_where=SUSPECT, postgresql_where=SUSPECT)
    op.drop_index("ix_attempts_ended_at", table_name="attempts")
    op.create_index("ix_attempts_ended_at_run_s", "attempts", ["ended_at", "run_s"])


def _drop_failure_indexes() -> None:
    op.drop_index("ix_attempts_ended_at_run_s", table_name="attempts")
    op.create_index("ix_attempts_ended_at", "attempts", ["ended_at"])
    op.drop_index("ix_jobs_suspect", table_name="jobs")
    op.drop_index("ix_jobs_failed_at", table_name="jobs")
    op.drop_index("ix_jobs_failed", table_name="jobs")
    op.drop_column("jobs", "child_deaths")


def _index_letters() -> None:
    """Index the letters of texts that are not ASCII alone, on PostgreSQL."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(LETTERS)
        for name in TEXTS:
            op.execute(
                f"CREATE INDEX ix_tags_words_{name} ON tags USING gin (tonearm_letters({name}))"
                f" WHERE octet_length({name}) <> char_length({name})"
            )


def _drop_letters() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in TEXTS:
            op.execute(f"DROP INDEX ix_tags_words_{name}")
        op.execute("DROP FUNCTION tonearm_letters")


def _create_profiles() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "profiles",
        sa.Column("id", key, primary_key=True, autoincrement=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("child", sa.BigInteger()),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("asked_at", sa.Double(), nullable=False),
        sa.Column("begun_at", sa.Double()),
        sa.Column("ended_at", sa.Double()),
        sa.Column("refusal", sa.String()),
        sa.Column("profile", sa.LargeBinary()),
    )
