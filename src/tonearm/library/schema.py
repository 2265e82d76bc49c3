"""The tables. Times are seconds since 1970 (UTC); paths are bytes, relative to their root."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, MetaData, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import BigInteger, Integer

from tonearm.library.values import Real, Words

Document = JSON()  # not PostgreSQL's JSONB, which writes numbers anew: 1e22 would come back as a whole number
Key = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows only for its own INTEGER


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can find it on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  the library reads it as a class attribute
        bytes: LargeBinary,
        float: Real(),
        str: Words(),
        dict[str, Any]: Document,
        list[str]: Document,
        list[dict[str, Any]]: Document,
    }


class Root(Base):
    """A folder that a person pointed at."""

    __tablename__ = "roots"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    path: Mapped[bytes] = mapped_column(unique=True)
    device: Mapped[int | None] = mapped_column(BigInteger)
    mounts: Mapped[list[str]] = mapped_column(default=list)  # folders below that are mount points
    added_at: Mapped[float]
    scanned_at: Mapped[float | None]


class Audio(Base):
    """A piece of encoded audio, whatever it is named and tagged; files point to it."""

    __tablename__ = "audio"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    hash: Mapped[str] = mapped_column(unique=True)
    codec: Mapped[str]
    container: Mapped[str]
    sample_rate_hz: Mapped[int] = mapped_column(BigInteger)
    channels: Mapped[int]
    bit_depth: Mapped[int | None]
    bit_rate_bps: Mapped[int | None] = mapped_column(BigInteger)
    declared_s: Mapped[float | None]
    decoded_s: Mapped[float | None]
    complete: Mapped[bool | None]
    warnings: Mapped[list[str]] = mapped_column(default=list)
    first_seen_at: Mapped[float]


class File(Base):
    """A file below a root. ``state`` is how its last job ended; ``engine`` names the analysers that ran."""

    __tablename__ = "files"
    __table_args__ = (
        Index(
            "uq_files_place",  # a file that went elsewhere no longer claims its place
            "root_id",
            "path",
            unique=True,
            sqlite_where=text("moved_to_id IS NULL"),
            postgresql_where=text("moved_to_id IS NULL"),
        ),
        Index(
            "ix_files_graph_owed_at",
            "graph_owed_at",
            sqlite_where=text("graph_owed_at IS NOT NULL"),
            postgresql_where=text("graph_owed_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    root_id: Mapped[int] = mapped_column(ForeignKey("roots.id"))
    path: Mapped[bytes]
    size: Mapped[int] = mapped_column(BigInteger)
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    inode: Mapped[int] = mapped_column(BigInteger, index=True)
    extension: Mapped[str]
    state: Mapped[str] = mapped_column(default="waiting")
    engine: Mapped[str | None]
    audio_id: Mapped[int | None] = mapped_column(ForeignKey("audio.id"), index=True)
    found_at: Mapped[float]
    missing_since: Mapped[float | None]
    moved_to_id: Mapped[int | None] = mapped_column(ForeignKey("files.id"))
    graph_owed_at: Mapped[float | None]  # since when the graph has yet to learn of a change


class FileTags(Base):
    """What the tags of a file say; ``everything`` holds each tag as written."""

    __tablename__ = "tags"

    file_id: Mapped[int] = mapped_column(ForeignKey("files.id"), primary_key=True)
    title: Mapped[str | None]
    artist: Mapped[str | None]
    album: Mapped[str | None]
    album_artist: Mapped[str | None]
    track: Mapped[int | None] = mapped_column(BigInteger)
    track_total: Mapped[int | None] = mapped_column(BigInteger)
    disc: Mapped[int | None] = mapped_column(BigInteger)
    disc_total: Mapped[int | None] = mapped_column(BigInteger)
    year: Mapped[int | None] = mapped_column(BigInteger)
    genre: Mapped[str | None]
    art_count: Mapped[int] = mapped_column(default=0)
    art_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    art_mime: Mapped[str | None]
    everything: Mapped[dict[str, Any]]
    warning: Mapped[str | None]
    read_at: Mapped[float]


class Analysis(Base):
    """What one version of one analyser found in a piece of audio; ``scalars`` for tables, ``series`` for one track."""

    __tablename__ = "analyses"
    __table_args__ = (UniqueConstraint("audio_id", "analyser", "version"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    audio_id: Mapped[int] = mapped_column(ForeignKey("audio.id"))
    analyser: Mapped[str]
    version: Mapped[int]
    scalars: Mapped[dict[str, Any]]
    series: Mapped[dict[str, Any]]
    made_at: Mapped[float]


class MixPoint(Base):
    """What is searched when tracks are mixed, taken from the analyses when they are stored.

    tempo: whole tenths of a BPM. The versions are those of the analysers that measured the value beside them.
    """

    __tablename__ = "mix_points"
    __table_args__ = (Index("ix_mix_points_camelot_tempo", "camelot", "tempo"),)

    audio_id: Mapped[int] = mapped_column(ForeignKey("audio.id"), primary_key=True, autoincrement=False)
    camelot: Mapped[str | None]
    key_version: Mapped[int | None]
    tempo: Mapped[int | None]
    tempo_version: Mapped[int | None]
    energy: Mapped[float | None]
    energy_version: Mapped[int | None]


class History(Base):
    """What happened to a file beside its jobs: changed, moved, missing, back."""

    __tablename__ = "history"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("files.id"), index=True)
    at: Mapped[float]
    what: Mapped[str]
    detail: Mapped[dict[str, Any]]


class Run(Base):
    """One call over many files. ``counts`` is fixed when the run closes."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    paths: Mapped[list[str]]
    state: Mapped[str]
    started_at: Mapped[float]
    finished_at: Mapped[float | None]
    discovered: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any] | None]
    scanned_at: Mapped[float | None]  # when the last file was taken in; a run can't be over before that
    seen_at: Mapped[float | None]  # when its scan was last heard of
    batches: Mapped[int] = mapped_column(default=0)  # how many batches of files were taken in


class Worker(Base):
    """A process that takes jobs, as it last said of itself."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    instance: Mapped[str]  # one start of it
    host: Mapped[str]
    pid: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[str]
    slots: Mapped[int]
    started_at: Mapped[float]
    seen_at: Mapped[float]
    ended_at: Mapped[float | None]
    drain: Mapped[bool] = mapped_column(default=False)  # a person wants it to finish and end
    done: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    hand: Mapped[list[dict[str, Any]]] = mapped_column(default=list)  # job, path, stage, since
    breakers: Mapped[dict[str, Any]] = mapped_column(default=dict)  # state by service
    unseen: Mapped[list[str]] = mapped_column(default=list)  # roots that are not mounted there


class Job(Base):
    """One file to analyse in one run; the states are drawn in docs/explanation/jobs.md.

    A waiting job of which no message is out is owed one: ``owed_at`` is when it is due. The row that makes a
    job, or makes it wait again, is therefore also its entry in the outbox, in the same transaction.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_state_rank", "state", "rank", "id"),
        Index(
            "ix_jobs_owed",  # the outbox, the most urgent first
            "state",
            "rank",
            "owed_at",
            sqlite_where=text("owed_at IS NOT NULL"),
            postgresql_where=text("owed_at IS NOT NULL"),
        ),
        Index(
            "ix_jobs_published_level",  # what has a message out
            "published_level",
            "rank",
            "published_at",
            sqlite_where=text("published_level IS NOT NULL"),
            postgresql_where=text("published_level IS NOT NULL"),
        ),
        Index(
            "ix_jobs_unannounced",  # what waits, has no message out and is owed none; few of paused runs
            "run_id",
            sqlite_where=text("state = 'queued' AND owed_at IS NULL AND published_level IS NULL"),
            postgresql_where=text("state = 'queued' AND owed_at IS NULL AND published_level IS NULL"),
        ),
        Index(
            "ix_jobs_not_before",  # retries, by when they are due
            "state",
            "not_before",
            sqlite_where=text("not_before IS NOT NULL"),
            postgresql_where=text("not_before IS NOT NULL"),
        ),
        Index("ix_jobs_run_id_finished_at", "run_id", "finished_at"),
        Index("ix_jobs_run_id_state", "run_id", "state", "rank", "id"),
        Index("ix_jobs_file_id", "file_id"),
        Index(
            "uq_jobs_open_file",
            "file_id",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running', 'retrying')"),
            postgresql_where=text("state IN ('queued', 'running', 'retrying')"),
        ),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    file_id: Mapped[int] = mapped_column(ForeignKey("files.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id"))
    state: Mapped[str]
    level: Mapped[int]
    level_by: Mapped[str]  # "rules" or "person"
    rank: Mapped[float]  # the waiting job of the lowest rank is next
    fresh: Mapped[bool] = mapped_column(default=False)  # measure again even where results exist
    attempts: Mapped[int] = mapped_column(default=0)
    forgiven: Mapped[int] = mapped_column(default=0)  # attempts that are not held against the file
    interruptions: Mapped[int] = mapped_column(default=0)  # attempts that ended with their worker's death
    queued_at: Mapped[float]
    not_before: Mapped[float | None]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    worker: Mapped[str | None]
    lease_until: Mapped[float | None]
    stage: Mapped[str | None]
    correlation_id: Mapped[str | None]  # 32 hexadecimal digits; also the trace id of its messages
    owed_at: Mapped[float | None]
    published_at: Mapped[float | None]
    published_level: Mapped[int | None]  # of the message that is out, until the job is taken
    code: Mapped[str | None]
    reason: Mapped[str | None]
    advice: Mapped[str | None]
    work_s: Mapped[float] = mapped_column(default=0.0)
    decoded_s: Mapped[float] = mapped_column(default=0.0)
