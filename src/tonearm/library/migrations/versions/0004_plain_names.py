"""Columns named by their contents, facts about a file stored with the file, and indexes for searching tracks."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
RENAMED = (
    ("jobs", "owed_at", "publish_due_at"),
    ("jobs", "forgiven", "uncharged_attempts"),
    ("files", "graph_owed_at", "graph_due_at"),
    ("workers", "hand", "running"),
    ("workers", "unseen", "unmounted"),
)
PUBLISH_DUE = sa.text("publish_due_at IS NOT NULL")
GRAPH_DUE = sa.text("graph_due_at IS NOT NULL")
UNPUBLISHED = sa.text("state = 'queued' AND publish_due_at IS NULL AND published_level IS NULL")
OLD_INDEXES = (
    ("ix_jobs_owed", "jobs", ["state", "rank", "owed_at"], sa.text("owed_at IS NOT NULL")),
    ("ix_files_graph_owed_at", "files", ["graph_owed_at"], sa.text("graph_owed_at IS NOT NULL")),
    (
        "ix_jobs_unannounced",
        "jobs",
        ["run_id"],
        sa.text("state = 'queued' AND owed_at IS NULL AND published_level IS NULL"),
    ),
)
NEW_INDEXES = (
    ("ix_jobs_publish_due_at", "jobs", ["state", "rank", "publish_due_at"], PUBLISH_DUE),
    ("ix_files_graph_due_at", "files", ["graph_due_at"], GRAPH_DUE),
    ("ix_jobs_unpublished", "jobs", ["run_id"], UNPUBLISHED),
)


TEXTS = ("title", "artist", "album", "genre")
TEXT_KEY = {"sqlite": "substr({}, 1, 100)", "postgresql": 'substr({}, 1, 100) COLLATE "C"'}
DURATION = "(CASE WHEN (declared_s > decoded_s) THEN declared_s ELSE coalesce(decoded_s, declared_s) END)"
SEARCHED = (
    ("tags", ("title", "artist", "album", "album_artist", "genre"), ("track", "disc", "year")),
    ("audio", ("codec",), ("sample_rate_hz", "channels", "bit_depth", "decoded_s")),
    ("files", ("container",), ("state", "bit_rate_bps", "duration_s")),
)
WORDS = (
    """
    CREATE VIRTUAL TABLE tag_words USING fts5(
      title, artist, album, genre, content='', detail=column, tokenize='trigram case_sensitive 1'
    )
    """,
    "CREATE VIRTUAL TABLE tag_words_vocabulary USING fts5vocab(tag_words, row)",
    """
    CREATE TRIGGER tags_inserted AFTER INSERT ON tags BEGIN
      INSERT INTO tag_words (rowid, title, artist, album, genre) VALUES ({new});
    END
    """,
    """
    CREATE TRIGGER tags_updated AFTER UPDATE ON tags WHEN {changed} BEGIN
      INSERT INTO tag_words (tag_words, rowid, title, artist, album, genre) VALUES ('delete', {old});
      INSERT INTO tag_words (rowid, title, artist, album, genre) VALUES ({new});
    END
    """,
    """
    CREATE TRIGGER tags_deleted AFTER DELETE ON tags BEGIN
      INSERT INTO tag_words (tag_words, rowid, title, artist, album, genre) VALUES ('delete', {old});
    END
    """,
    "INSERT INTO tag_words (rowid, title, artist, album, genre) SELECT {now} FROM tags",
)
FOLD = """
CREATE FUNCTION tonearm_fold(whole text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace(lower(whole COLLATE {letters}), 'ς', 'σ')
"""

FACTS_OF_FILES: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("container", sa.String()),
    ("bit_rate_bps", sa.BigInteger()),
    ("declared_s", sa.Double()),
    ("complete", sa.Boolean()),
    ("warnings", sa.JSON()),
)
"""Facts that were stored with the sound and belong to each file."""


def upgrade() -> None:
    """Rename columns and indexes, and store with each file what holds for that file only; every row stays."""
    rename()
    move_facts_to_files()
    _add_forgotten_files()
    add_search()


def downgrade() -> None:
    """Restore the former names of columns and indexes, and the former tables of facts."""
    drop_search()
    op.drop_table("forgotten_files")
    move_facts_to_sounds()
    rename_back()


def move_facts_to_files() -> None:
    """Copy the facts to every file of a sound; its warnings go with them."""
    names = ", ".join(name for name, _ in FACTS_OF_FILES)
    for name, kind in FACTS_OF_FILES:
        op.add_column("files", sa.Column(name, kind, nullable=True))
    op.execute(f"UPDATE files SET ({names}) = (SELECT {names} FROM audio WHERE audio.id = files.audio_id)")  # noqa: S608  names of ours
    op.add_column("audio", sa.Column("intact", sa.Boolean(), nullable=True))
    op.execute("UPDATE audio SET warnings = '[]', intact = CASE WHEN complete THEN complete END")
    for name, _ in FACTS_OF_FILES:
        if name != "warnings":
            op.drop_column("audio", name)


def move_facts_to_sounds() -> None:
    """Copy the facts of one file of each sound back to the sound."""
    names = ", ".join(name for name, _ in FACTS_OF_FILES)
    for name, kind in FACTS_OF_FILES:
        if name == "container":
            op.add_column("audio", sa.Column(name, kind, nullable=False, server_default=""))
        elif name != "warnings":
            op.add_column("audio", sa.Column(name, kind, nullable=True))
    op.execute(
        f"UPDATE audio SET ({names}) = (SELECT {names} FROM files WHERE files.audio_id = audio.id "  # noqa: S608  names of ours
        "AND container IS NOT NULL AND warnings IS NOT NULL ORDER BY id LIMIT 1) "
        "WHERE EXISTS (SELECT 1 FROM files WHERE files.audio_id = audio.id "
        "AND container IS NOT NULL AND warnings IS NOT NULL)"
    )
    op.drop_column("audio", "intact")
    for name, _ in FACTS_OF_FILES:
        op.drop_column("files", name)


def rename() -> None:
    """Rename the columns and the indexes that are named after them."""
    for name, table, _, _ in OLD_INDEXES:
        op.drop_index(name, table_name=table)
    for table, old, new in RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    for name, table, columns, rows in NEW_INDEXES:
        op.create_index(name, table, columns, sqlite_where=rows, postgresql_where=rows)
    _add_handovers()
    _index_open_jobs()
    _add_attempts()


def rename_back() -> None:
    """Give the columns and the indexes their former names."""
    op.drop_table("attempts")
    _index_all_jobs()
    _drop_handovers()
    for name, table, _, _ in NEW_INDEXES:
        op.drop_index(name, table_name=table)
    for table, old, new in RENAMED:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}")
    for name, table, columns, rows in OLD_INDEXES:
        op.create_index(name, table, columns, sqlite_where=rows, postgresql_where=rows)


def _add_handovers() -> None:
    """Runs keep their own counts when a later run continues their jobs."""
    op.add_column("runs", sa.Column("failed", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "run_handovers",
        sa.Column("from_run", KEY, nullable=False, autoincrement=False),
        sa.Column("to_run", KEY, nullable=False, autoincrement=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["from_run"], ["runs.id"], name=op.f("fk_run_handovers_from_run")),
        sa.ForeignKeyConstraint(["to_run"], ["runs.id"], name=op.f("fk_run_handovers_to_run")),
        sa.PrimaryKeyConstraint("from_run", "to_run", name=op.f("pk_run_handovers")),
    )


def _add_forgotten_files() -> None:
    """The graph's outbox for files that were removed from the library."""
    op.create_table(
        "forgotten_files",
        sa.Column("file_id", KEY, nullable=False, autoincrement=False),
        sa.Column("graph_due_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_forgotten_files")),
    )


def _drop_handovers() -> None:
    op.drop_table("run_handovers")
    op.drop_column("runs", "failed")


JOBS_ENDED = sa.text("finished_at IS NOT NULL")
JOBS_OPEN = sa.text("finished_at IS NULL")
OPEN_INDEXES = (
    ("ix_jobs_open", ["state", "rank", "id"], JOBS_OPEN),
    ("ix_jobs_open_of_run", ["run_id", "state", "rank", "id"], JOBS_OPEN),
    ("ix_jobs_finished_at", ["finished_at", "id"], JOBS_ENDED),
    ("ix_jobs_run_id_finished_at", ["run_id", "finished_at"], JOBS_ENDED),
)


def _index_open_jobs() -> None:
    """Indexes of the queue that don't grow with the jobs that have ended; a job is open while it has no end."""
    op.execute(
        "UPDATE jobs SET finished_at = coalesce(started_at, queued_at)"
        " WHERE finished_at IS NULL AND state NOT IN ('queued', 'running', 'retrying')"
    )
    op.execute(
        "UPDATE jobs SET finished_at = NULL"
        " WHERE finished_at IS NOT NULL AND state IN ('queued', 'running', 'retrying')"
    )
    for name in ("ix_jobs_state_rank", "ix_jobs_run_id_state", "ix_jobs_run_id_finished_at"):
        op.drop_index(name, table_name="jobs")
    op.create_index("ix_jobs_run_id_state", "jobs", ["run_id", "state"])
    for name, columns, rows in OPEN_INDEXES:
        op.create_index(name, "jobs", columns, sqlite_where=rows, postgresql_where=rows)
    op.create_index("ix_history_at", "history", ["at"])


def _index_all_jobs() -> None:
    op.drop_index("ix_history_at", table_name="history")
    for name, _, _ in OPEN_INDEXES:
        op.drop_index(name, table_name="jobs")
    op.drop_index("ix_jobs_run_id_state", table_name="jobs")
    op.create_index("ix_jobs_run_id_finished_at", "jobs", ["run_id", "finished_at"])
    op.create_index("ix_jobs_run_id_state", "jobs", ["run_id", "state", "rank", "id"])
    op.create_index("ix_jobs_state_rank", "jobs", ["state", "rank", "id"])


def _add_attempts() -> None:
    """A table of attempts, and a correlation id for the jobs of the first version."""
    op.create_table(
        "attempts",
        sa.Column("job_id", KEY, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("taken_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("charged", sa.Boolean(), nullable=False),
        sa.Column("queue_wait_s", sa.Double(), nullable=False),
        sa.Column("run_s", sa.Double(), nullable=True),
        sa.Column("store_s", sa.Double(), nullable=True),
        sa.Column("timings", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_attempts_job_id")),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_attempts")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_attempts_ended_at", "attempts", ["ended_at"])
    digits = "printf('%032x', id)" if op.get_bind().dialect.name == "sqlite" else "lpad(to_hex(id), 32, '0')"
    op.execute(f"UPDATE jobs SET correlation_id = {digits} WHERE correlation_id IS NULL")  # noqa: S608  ours


def add_search() -> None:
    """Index the columns that tracks are sorted by, and the words of their tags; drop ``mix_points``."""
    dialect = op.get_bind().dialect.name
    op.add_column("files", sa.Column("duration_s", sa.Double(), nullable=True))
    op.execute(
        "UPDATE files SET duration_s = (SELECT CASE WHEN files.declared_s > decoded_s THEN files.declared_s"
        " ELSE coalesce(decoded_s, files.declared_s) END FROM audio WHERE audio.id = files.audio_id)"
    )
    for table, texts, numbers in SEARCHED:
        for column in texts:
            op.execute(f"CREATE INDEX ix_{table}_{column} ON {table} ({TEXT_KEY[dialect].format(column)})")
        for column in numbers:
            op.create_index(f"ix_{table}_{column}", table, [column])
    missing = sa.text("missing_since IS NOT NULL")
    op.create_index(
        "ix_files_missing_since", "files", ["missing_since"], sqlite_where=missing, postgresql_where=missing
    )
    op.drop_table("mix_points")
    if dialect == "postgresql":
        _index_texts_postgresql()
    else:
        _index_texts_sqlite()


def _index_texts_sqlite() -> None:
    """Create a trigram index over the tags; each connection defines the functions that it needs."""
    parts = {
        place: ", ".join([f"{place}file_id", *(f"tonearm_padded({place}{name})" for name in TEXTS)])
        for place in ("new.", "old.", "")
    }
    changed = " OR ".join(f"old.{name} IS NOT new.{name}" for name in ("file_id", *TEXTS))
    for statement in WORDS:
        op.execute(statement.format(new=parts["new."], old=parts["old."], now=parts[""], changed=changed))


def _index_texts_postgresql() -> None:
    """Create a trigram index over the tags, if the server has pg_trgm and this user may create the extension."""
    connection = op.get_bind()
    version = connection.dialect.server_version_info or ()
    op.execute(FOLD.format(letters='"pg_c_utf8"' if version >= (17,) else '"default"'))
    try:
        with connection.begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            columns = ", ".join(f"tonearm_fold({name}) gin_trgm_ops" for name in TEXTS)
            op.execute(f"CREATE INDEX ix_tags_words ON tags USING gin ({columns})")
    except sa.exc.DBAPIError:
        return  # texts are then searched by reading all of them


def drop_search() -> None:
    """Drop the indexes and tables for searching, and create the table ``mix_points`` again."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.execute("DROP INDEX IF EXISTS ix_tags_words")
        op.execute("DROP FUNCTION tonearm_fold")
    else:
        for name in ("tags_inserted", "tags_updated", "tags_deleted"):
            op.execute(f"DROP TRIGGER {name}")
        op.execute("DROP TABLE tag_words_vocabulary")
        op.execute("DROP TABLE tag_words")
    for name in sa.inspect(connection).get_table_names():
        if name.startswith("features_"):
            op.drop_table(name)
    environment = op.get_context().environment_context
    assert environment is not None  # noqa: S101  narrows the library's type
    environment.script.get_revision("0003").module.upgrade()  # it makes and fills mix_points
    op.execute("DROP INDEX ix_files_missing_since")
    for table, texts, numbers in SEARCHED:
        for column in (*texts, *numbers):
            op.execute(f"DROP INDEX ix_{table}_{column}")
    op.drop_column("files", "duration_s")
