"""The partial indexes, and those over the beginnings of texts.

They are apart from the tables because declaring them loads both of SQLAlchemy's dialects, which takes 40 ms at each
start. Only the migrations, and the test that compares them with these declarations, need them.
"""

from sqlalchemy import Index, MetaData, Table, text

from tonearm.library.access_schema import audit_table  # noqa: F401  its module adds tables to the metadata
from tonearm.library.column_types import text_key
from tonearm.library.curation_schema import locked_value_table  # noqa: F401  its module adds tables to the metadata
from tonearm.library.file_contents import TEXT_TAGS
from tonearm.library.rename_schema import rename_step_table  # noqa: F401  its module adds tables to the metadata
from tonearm.library.schema import audio_table, file_table, job_table, metadata, tags_table


def _partial(table: Table, name: str, columns: tuple[str, ...], where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(
        name,
        *[table.c[column] for column in columns],
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


PARTIAL_INDEXES = (
    # the path of a file that has moved is free for another file
    _partial(file_table, "uq_files_place", ("root_id", "path"), "moved_to_id IS NULL", unique=True),
    _partial(file_table, "ix_files_missing_since", ("missing_since",), "missing_since IS NOT NULL"),
    _partial(file_table, "ix_files_left_out", ("root_id", "path"), "left_out_since IS NOT NULL"),
    _partial(file_table, "ix_files_graph_due_at", ("graph_due_at",), "graph_due_at IS NOT NULL"),
    # the queue, in its order
    _partial(job_table, "ix_jobs_open", ("state", "rank", "id"), "finished_at IS NULL"),
    _partial(job_table, "ix_jobs_open_of_run", ("run_id", "state", "rank", "id"), "finished_at IS NULL"),
    # ended jobs, oldest first
    _partial(job_table, "ix_jobs_finished_at", ("finished_at", "id"), "finished_at IS NOT NULL"),
    # the outbox, the most urgent first
    _partial(
        job_table, "ix_jobs_publish_due_at", ("state", "rank", "publish_due_at"), "publish_due_at IS NOT NULL"
    ),
    # jobs whose message is sent
    _partial(
        job_table,
        "ix_jobs_published_level",
        ("published_level", "rank", "published_at"),
        "published_level IS NOT NULL",
    ),
    # waiting jobs without a sent or due message, which are those of paused runs
    _partial(
        job_table,
        "ix_jobs_unpublished",
        ("run_id",),
        "state = 'queued' AND publish_due_at IS NULL AND published_level IS NULL",
    ),
    # failed files by code and by time, with the failures that a later job has made good
    _partial(job_table, "ix_jobs_failed", ("code", "id"), "state IN ('quarantined', 'partial', 'retrying')"),
    _partial(
        job_table,
        "ix_jobs_failed_at",
        ("finished_at", "id"),
        "state IN ('quarantined', 'partial', 'retrying')",
    ),
    # files at which children died more than once
    _partial(job_table, "ix_jobs_suspect", ("id",), "child_deaths > 1"),
    # retries, by the time when they are due
    _partial(job_table, "ix_jobs_not_before", ("state", "not_before"), "not_before IS NOT NULL"),
    # ended jobs of a run, by state, and oldest first; they are not in the way when an open job changes its run
    _partial(job_table, "ix_jobs_run_id_state", ("run_id", "state"), "finished_at IS NOT NULL"),
    _partial(job_table, "ix_jobs_run_id_finished_at", ("run_id", "finished_at"), "finished_at IS NOT NULL"),
    _partial(
        job_table,
        "uq_jobs_open_file",
        ("file_id",),
        "state IN ('queued', 'running', 'retrying')",
        unique=True,
    ),
)

TEXT_INDEXES = (  # what tracks are sorted by
    Index("ix_files_container", text_key(file_table.c.container)),
    # lossy codecs have no bit depth, so that all others precede them; SQLite uses the first one, PostgreSQL the second
    Index("ix_audio_codec", text_key(audio_table.c.codec), audio_table.c.bit_depth),
    Index("ix_audio_bit_depth", audio_table.c.bit_depth, text_key(audio_table.c.codec)),
    *[Index(f"ix_tags_{name}", text_key(tags_table.c[name])) for name in TEXT_TAGS],
)

complete_metadata: MetaData = metadata
"""The tables with all of their indexes."""
