"""The tables. Times are seconds since 1970 (UTC); paths are bytes, relative to their root."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    and_,
)

from tonearm.library.column_types import CleanText, FiniteFloat

Document = JSON()  # not PostgreSQL's JSONB, which rewrites numbers: 1e22 would come back as an integer
Key = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows only for its own INTEGER

metadata = MetaData(
    naming_convention={  # every constraint has a name, so that a migration can find it on any database
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

root_table = Table(
    "roots",
    metadata,
    Column("id", Key, primary_key=True),
    Column("path", LargeBinary, unique=True, nullable=False),
    Column("device", BigInteger),
    Column("mounts", Document, default=list, nullable=False),  # folders below that are mount points
    Column("added_at", FiniteFloat, nullable=False),
    Column("scanned_at", FiniteFloat),
)
"""A folder that was named to ``analyze``."""

audio_table = Table(
    "audio",
    metadata,
    Column("id", Key, primary_key=True),
    Column("hash", CleanText, unique=True, nullable=False),
    Column("codec", CleanText, nullable=False),
    Column("sample_rate_hz", BigInteger, index=True, nullable=False),
    Column("channels", Integer, index=True, nullable=False),
    Column("bit_depth", Integer),
    Column("decoded_s", FiniteFloat, index=True),
    Column("intact", Boolean),  # decoding reached the end and lost no more than a moment
    Column("warnings", Document, default=list, nullable=False),
    Column("first_seen_at", FiniteFloat, nullable=False),
)
"""A piece of audio, found by its hash, with the result of decoding it.

Files with one hash have the same samples and share a row. The converse does not hold: a FLAC file and a WAV file of
the same samples have two rows.
"""

alias_table = Table(
    "audio_aliases",
    metadata,
    Column("hash", CleanText, primary_key=True),
    Column("audio_id", Key, ForeignKey("audio.id"), index=True, nullable=False),
    Column("adopted_at", FiniteFloat),  # when the audio got another hash; NULL: it did not, and does not
)
"""A hash that the previous version of the identity gave a piece of audio."""

file_table = Table(
    "files",
    metadata,
    Column("id", Key, primary_key=True),
    Column("root_id", Key, ForeignKey("roots.id"), nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, index=True, nullable=False),
    Column("extension", CleanText, nullable=False),
    Column("state", CleanText, default="waiting", index=True, nullable=False),
    Column("engine", CleanText),
    Column("audio_id", Key, ForeignKey("audio.id"), index=True),
    Column("container", CleanText),
    Column("bit_rate_bps", BigInteger, index=True),
    Column("declared_s", FiniteFloat),  # where its header counts samples
    Column("duration_s", FiniteFloat, index=True),  # declared or decoded, whichever is longer
    Column("complete", Boolean),  # all that it declares was there
    Column("warnings", Document, default=list),
    Column("remarks", Document, default=list, nullable=False),  # what is unusual and no damage
    Column("found_at", FiniteFloat, nullable=False),
    Column("missing_since", FiniteFloat),
    Column("left_out_since", FiniteFloat),  # since when scans leave it out, though it is known
    Column("moved_to_id", Key, ForeignKey("files.id")),
    Column(
        "graph_due_at", FiniteFloat
    ),  # since when a change is not in the graph yet; NULL: it is up to date
)
"""A file below a root. ``state`` is how its last job ended; ``engine`` names the analysers that ran."""

IS_PRESENT = and_(file_table.c.missing_since.is_(None), file_table.c.moved_to_id.is_(None))
"""Condition: files that the last scan found."""

forgotten_file_table = Table(
    "forgotten_files",
    metadata,
    Column("file_id", Key, primary_key=True, autoincrement=False),
    Column("graph_due_at", FiniteFloat, nullable=False),
)
"""A file that was removed from the library and may still be in the graph: part of the graph's outbox."""

highest_id_table = Table(
    "highest_ids",
    metadata,
    Column("name", CleanText, primary_key=True),  # of a table
    Column("id", Key, nullable=False),
)
"""The highest id that rows had which were removed from a table: other rows and servers may still name them, and SQLite
would number new rows from the highest id that is left."""

tags_table = Table(
    "tags",
    metadata,
    Column("file_id", Key, ForeignKey("files.id"), primary_key=True),
    Column("title", CleanText),
    Column("artist", CleanText),
    Column("album", CleanText),
    Column("album_artist", CleanText),
    Column("track", BigInteger, index=True),
    Column("track_total", BigInteger),
    Column("disc", BigInteger, index=True),
    Column("disc_total", BigInteger),
    Column("year", BigInteger, index=True),
    Column("original_year", BigInteger, index=True),
    Column("genre", CleanText),
    Column("art_count", Integer, default=0, nullable=False),
    Column("art_bytes", BigInteger, default=0, nullable=False),
    Column("art_mime", CleanText),
    Column("everything", Document, nullable=False),
    Column("exact", Document, default=dict, nullable=False),
    Column("warning", CleanText),
    Column("read_at", FiniteFloat, nullable=False),
)
"""What the tags of a file say; ``everything`` holds each tag as written, ``exact`` the bytes of
those that text can't hold."""

analysis_table = Table(
    "analyses",
    metadata,
    Column("id", Key, primary_key=True),
    Column("audio_id", Key, ForeignKey("audio.id"), nullable=False),
    Column("analyser", CleanText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("scalars", Document, nullable=False),
    Column("series", Document, nullable=False),
    Column("made_at", FiniteFloat, nullable=False),
    UniqueConstraint("audio_id", "analyser", "version"),
)
"""The result of one version of one analyser for a piece of audio; ``scalars`` are shown in lists of tracks, ``series``
for one track.
"""

history_table = Table(
    "history",
    metadata,
    Column("id", Key, primary_key=True),
    Column("file_id", Key, ForeignKey("files.id"), index=True, nullable=False),
    Column("at", FiniteFloat, nullable=False),
    Column("what", CleanText, nullable=False),
    Column("detail", Document, nullable=False),
    Index("ix_history_at", "at"),
)
"""What happened to a file beside its jobs: changed, moved, missing, back."""

run_table = Table(
    "runs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("paths", Document, nullable=False),
    Column("state", CleanText, nullable=False),
    Column("started_at", FiniteFloat, nullable=False),
    Column("finished_at", FiniteFloat),
    Column("discovered", Integer, default=0, nullable=False),
    Column("skipped", Integer, default=0, nullable=False),
    Column("failed", Integer, default=0, nullable=False),  # quarantined files whose job is in a later run now
    Column("counts", Document),
    Column("scanned_at", FiniteFloat),  # when the last file was enqueued; a run can't end before that
    Column("seen_at", FiniteFloat),  # when its scan last sent a heartbeat
    Column("batches", Integer, default=0, nullable=False),  # number of batches of files that were enqueued
    Column("correlation_id", CleanText),  # 32 hexadecimal digits
    Column("left_out", Document, default=dict, nullable=False),  # number of files of other kinds by extension
    Column("unread", Document, default=dict, nullable=False),  # see ``jobs.unread_paths``
    Column("asked", JSON(none_as_null=True)),  # how to scan, until a process that scans takes it up
)
"""One call over many files. ``counts`` is fixed when the run closes."""

handover_table = Table(
    "run_handovers",
    metadata,
    Column("from_run", Key, ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    Column("to_run", Key, ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    Column("jobs", Integer, nullable=False),
)
"""How many open jobs of one run were continued by a later run."""

worker_table = Table(
    "workers",
    metadata,
    Column("name", CleanText, primary_key=True),
    Column("instance", CleanText, nullable=False),  # differs for each start of the process
    Column("host", CleanText, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("version", CleanText, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("started_at", FiniteFloat, nullable=False),
    Column("seen_at", FiniteFloat, nullable=False),
    Column("ended_at", FiniteFloat),
    Column("drain", Boolean, default=False, nullable=False),  # `workers drain` asked it to finish and end
    Column("done", Integer, default=0, nullable=False),
    Column("failed", Integer, default=0, nullable=False),
    Column("running", Document, default=list, nullable=False),  # job, path, stage, for_s
    Column("breakers", Document, default=dict, nullable=False),  # state by service
    Column("unmounted", Document, default=list, nullable=False),  # roots that are not mounted on its host
    Column("url", CleanText),  # where it serves its metrics over HTTP; NULL: nowhere
    Column("log_levels", Document, default=dict, nullable=False),  # by logger: level, until (a time, or null)
    Column("rest_code", CleanText),  # why it takes no jobs for now; NULL: it does
    Column("rest_reason", CleanText),
    Column("rest_since", FiniteFloat),
    Column("rest_until", FiniteFloat),  # NULL: nobody knows
    Column("work_times", Document, default=list, nullable=False),  # pairs of times, for days; empty: always
    Column(
        "scans", Boolean, default=False, nullable=False
    ),  # whether it carries out scans that are asked for
)
"""A process that takes jobs, as of its last heartbeat."""

profile_table = Table(
    "profiles",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=False),  # at random: a withdrawn one is not given again
    Column("worker", CleanText, nullable=False),
    Column("child", BigInteger),  # process id; NULL: the worker itself and all its children
    Column("seconds", FiniteFloat, nullable=False),
    Column("asked_at", FiniteFloat, nullable=False),
    Column("begun_at", FiniteFloat),  # when the worker began to sample
    Column("ended_at", FiniteFloat),
    Column("refusal", CleanText),  # why there is no profile
    Column("profile", LargeBinary),  # JSON, compressed with zlib
)
"""A request to sample where the time of a worker goes, and the answer. Deleted once it is read, or after a day."""

job_table = Table(
    "jobs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("file_id", Key, ForeignKey("files.id"), nullable=False),
    Column("run_id", Key, nullable=False),
    Column("state", CleanText, nullable=False),
    Column("level", Integer, nullable=False),
    Column("level_by", CleanText, nullable=False),  # "rules" or "person"
    Column("rank", FiniteFloat, nullable=False),  # the waiting job with the lowest rank is next
    Column("fresh", Boolean, default=False, nullable=False),  # measure again even where results exist
    Column("attempts", Integer, default=0, nullable=False),
    Column(
        "uncharged_attempts", Integer, default=0, nullable=False
    ),  # attempts that are not held against the file
    Column(
        "interruptions", Integer, default=0, nullable=False
    ),  # attempts that ended with their worker's death
    Column(
        "child_deaths", Integer, default=0, nullable=False
    ),  # attempts whose child died or had to be killed
    Column("queued_at", FiniteFloat, nullable=False),  # when it became or becomes ready to be taken
    Column("not_before", FiniteFloat),
    Column("started_at", FiniteFloat),
    Column("finished_at", FiniteFloat),  # NULL exactly while the job is open
    Column("worker", CleanText),
    Column("lease_until", FiniteFloat),  # never compared with a clock: a value that changes with each renewal
    Column("stage", CleanText),
    Column("correlation_id", CleanText),  # 32 hexadecimal digits; also the id of its first trace
    Column("retried", Integer, default=0, nullable=False),  # how often a person has queued the file again
    Column(
        "sampled", Boolean
    ),  # whether its trace is recorded; NULL: not decided by the process that queued it
    Column("publish_due_at", FiniteFloat),
    Column("published_at", FiniteFloat),
    Column("published_level", Integer),  # of the sent message, until the job is taken
    Column("code", CleanText),
    Column("reason", CleanText),
    Column("advice", CleanText),
    Column("work_s", FiniteFloat, default=0.0, nullable=False),
    Column("decoded_s", FiniteFloat, default=0.0, nullable=False),
    Index("ix_jobs_file_id", "file_id"),
    # PostgreSQL would look the run up for each row, a fifth of what moving a job to another run takes there
    ForeignKeyConstraint(["run_id"], ["runs.id"]).ddl_if(dialect="sqlite"),
)
"""One file to analyse in one run; the states are drawn in docs/explanation/jobs.md.

A waiting job whose message is not sent has ``publish_due_at``: the time when the message is due. The row is therefore
also the entry of the job in the outbox, written in the transaction that creates the job or makes it wait again.
"""

attempt_table = Table(
    "attempts",
    metadata,
    Column("job_id", Key, ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("worker", CleanText, nullable=False),
    Column("taken_at", FiniteFloat, nullable=False),
    Column("ended_at", FiniteFloat, nullable=False),
    Column("outcome", CleanText, nullable=False),  # see ``jobs.attempts.Outcome``
    Column("code", CleanText),
    Column("charged", Boolean, nullable=False),  # counts against the file
    Column("queue_wait_s", FiniteFloat, nullable=False),
    Column("run_s", FiniteFloat),
    Column("store_s", FiniteFloat),
    Column("timings", Document, nullable=False),
    Index("ix_attempts_ended_at_run_s", "ended_at", "run_s"),
    sqlite_with_rowid=False,
)
"""How one attempt at a job ended and where its time went. An attempt that still runs has no row.

queue_wait_s: from when the job was ready to be taken until it was taken. run_s: how long a child had the file.
store_s: from then until this row was written. Both are NULL for an attempt whose worker was killed. timings: seconds by
stage.
"""
