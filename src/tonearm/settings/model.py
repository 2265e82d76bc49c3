"""Every setting, its default and its bounds."""

from dataclasses import dataclass
from pathlib import Path

from tonearm.settings.machine import MOST, fitting_workers
from tonearm.settings.priority_rules import DEFAULT_RULES, Rule, read_rules
from tonearm.settings.readers import (
    Reader,
    choice,
    listen_address,
    number,
    path,
    public_address,
    setting,
    text,
    texts,
    truth,
    whole,
)
from tonearm.settings.rename_rules import RenameRule, read_rename_rules
from tonearm.settings.work_hours import FORM, read_hour_range

EXTENSIONS = (
    *(
        "aac",
        "ac3",
        "aif",
        "aifc",
        "aiff",
        "ape",
        "au",
        "caf",
        "dff",
        "dsf",
        "eac3",
        "flac",
        "m4a",
        "m4b",
        "mka",
    ),
    *(
        "mp2",
        "mp3",
        "mp4",
        "mpc",
        "oga",
        "ogg",
        "opus",
        "snd",
        "spx",
        "tta",
        "wav",
        "wave",
        "webm",
        "wma",
        "wv",
    ),
)
DEFAULT_EXCLUDES = (
    *("._*", ".AppleDouble", ".AppleDB", ".AppleDesktop", "__MACOSX", ".Trashes", ".Spotlight-V100"),
    *(".fseventsd", ".TemporaryItems", ".DocumentRevisions-V100"),
    *(
        "@eaDir",
        "#recycle",
        "#snapshot",
        "@Recycle",
        "@Recently-Snapshot",
        ".@__thumb",
        ".@upload_cache",
        "@tmp",
    ),
    *(
        "$RECYCLE.BIN",
        "RECYCLER",
        "System Volume Information",
        "lost+found",
        ".Trash*",
        ".snapshots",
        ".snapshot",
    ),
    *(".stversions", ".stfolder", ".dropbox.cache", ".sync", ".debris"),
)
"""Files and folders that systems of macOS, Synology, QNAP, Windows and Linux, and sync programs, leave behind."""
TAG_ENCODINGS = (
    *("cp1250", "cp1251", "cp1252", "cp1253", "koi8_r"),
    *("shift_jis", "euc_jp", "euc_kr", "gb18030", "big5"),
)
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
ADDRESSES = ("database_url", "rabbitmq_url", "rabbitmq_management_url", "redis_url", "neo4j_url")
READ_AGAIN = "; it is read again at every connection"
URL: Reader[str] = text(r".{3,}", "an address")


def read_log_levels(value: object) -> tuple[str, ...]:
    """Read ``LOGGER=LEVEL`` pairs, levels in lower case. Raises ValueError."""
    pairs = [pair.partition("=") for pair in texts(value)]
    if any(not name or level.lower() not in LOG_LEVELS for name, _, level in pairs):
        raise ValueError(f"must be LOGGER=LEVEL pairs with the levels {', '.join(LOG_LEVELS)}")
    return tuple(f"{name}={level.lower()}" for name, _, level in pairs)


def read_work_hours(value: object) -> tuple[str, ...]:
    """Read ranges of hours. Raises ValueError."""
    ranges = texts(value)
    for each in ranges:
        read_hour_range(each)
    return ranges


def _data_dir() -> Path:
    import platformdirs  # loaded only where the folder is not given

    return platformdirs.user_data_path("tonearm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; each is also an environment variable, ``TONEARM_`` and its name in capitals."""

    data_dir: Path = setting(_data_dir, path, "folder of the library's database")
    database_url: str | None = setting(
        None, URL, "PostgreSQL database that several hosts share; without it SQLite in data_dir"
    )
    database_connections: int = setting(
        10, whole(2, 1000), "most connections to PostgreSQL that the work of one process holds at a time"
    )
    rabbitmq_url: str | None = setting(None, URL, "RabbitMQ that delivers the jobs; needs database_url")
    rabbitmq_management_url: str | None = setting(
        None, URL, "RabbitMQ's management API, for the broker's own depth and rates"
    )
    redis_url: str | None = setting(None, URL, "Redis that holds the live view for every host")
    neo4j_url: str | None = setting(None, URL, "Neo4j that holds the graph of artists, tracks and keys")
    database_url_file: Path | None = setting(None, path, "file that holds database_url" + READ_AGAIN)
    rabbitmq_url_file: Path | None = setting(None, path, "file that holds rabbitmq_url" + READ_AGAIN)
    rabbitmq_management_url_file: Path | None = setting(
        None, path, "file that holds rabbitmq_management_url" + READ_AGAIN
    )
    redis_url_file: Path | None = setting(None, path, "file that holds redis_url" + READ_AGAIN)
    neo4j_url_file: Path | None = setting(None, path, "file that holds neo4j_url" + READ_AGAIN)
    rabbitmq_replicated: bool = setting(
        False, truth, "one replicated quorum queue a level instead of one classic priority queue"
    )
    prefetch: int = setting(
        0,
        whole(0, 512),
        "messages that RabbitMQ sends to a worker beside those of the files that it analyses",
    )
    namespace: str = setting(
        "tonearm",
        text(r"[A-Za-z0-9_.-]{1,60}", "1 to 60 of letters, digits, _, . and -"),
        "what queue names, keys and graph labels begin with, where several libraries share servers",
    )
    workers: int = setting(
        fitting_workers,
        whole(0, MOST),
        "files analysed at the same time; 0 leaves the work to `tonearm worker` elsewhere",
    )
    worker_name: str | None = setting(
        None,
        text(r"[A-Za-z0-9_.:@-]{1,100}", "1 to 100 of letters, digits, _, ., :, @ and -"),
        "name of this worker among others; host and process id when not given",
    )
    listen: str | None = setting(
        None,
        listen_address,
        "HOST:PORT where metrics and health are served over HTTP; without a host, to this host alone",
    )
    public_url: str | None = setting(
        None,
        public_address,
        "URL under which a reverse proxy offers the pages of `tonearm serve` to browsers",
    )
    path_map: tuple[str, ...] = setting(
        (), texts, "FROM=TO pairs: where this host has mounted folders that the library knows as FROM"
    )
    work_hours: tuple[str, ...] = setting(
        (), read_work_hours, f"{FORM}: when this process takes files; without them at any time"
    )
    rest_on_battery: bool = setting(False, truth, "take no files while this machine runs on its battery")
    rest_above_pressure: float | None = setting(
        None,
        number(above=0, most=100),
        "take no files while other programs wait this percentage of the time for the CPU or the disks",
    )
    cpu_share: float = setting(
        1, number(above=0, most=1), "share of the CPU time of the cores it may use that this process takes"
    )
    read_mb_s: float | None = setting(
        None, number(above=0), "megabytes a second that this process reads of music files"
    )
    nice: int = setting(10, whole(0, 19), "how far the priority of the analysing processes is lowered")
    include: tuple[str, ...] = setting(
        (), texts, "glob patterns; when given, only files that match one are analysed"
    )
    exclude: tuple[str, ...] = setting((), texts, "glob patterns of files and folders that are left out")
    default_excludes: bool = setting(
        True, truth, "whether what NAS systems, Macs, Windows and sync programs leave behind is left out too"
    )
    ignore_files: bool = setting(
        True, truth, "whether .nomedia and .tonearmignore in a folder say what is left out there"
    )
    follow_links: bool = setting(
        False, truth, "whether symbolic links are followed, to folders and files anywhere on this host"
    )
    extensions: tuple[str, ...] = setting(EXTENSIONS, texts, "file name endings that are music")
    watch_folders: int = setting(
        65_536,
        whole(0),
        "folders that `serve` watches for changes at most; 0 watches none, and all are scanned every rescan_s",
    )
    rescan_s: float = setting(
        3600, number(least=1), "seconds between scans by `serve` of folders that it can't watch"
    )
    rules: tuple[Rule, ...] = setting(
        DEFAULT_RULES,
        read_rules,
        "priority rules from size, format and recency; the first that matches applies",
    )
    rename_rules: tuple[RenameRule, ...] = setting(
        (), read_rename_rules, "rules that choose the template of a file's name; the first that fits applies"
    )
    bpm_tag: str = setting(
        "integer", choice("integer", "decimal"), "how `tags plan` writes a tempo: integer or decimal"
    )
    key_tag: str = setting(
        "text",
        choice("text", "camelot", "open_key"),
        "how `tags plan` writes a key: text, camelot or open_key",
    )
    ageing_s: float = setting(
        21_600, number(above=0), "seconds of waiting that raise a job by one level, never to critical"
    )
    memory_mb: int = setting(1024, whole(256), "memory one file's analysis may use")
    deadline_base_s: float = setting(60, number(above=0), "seconds any file may take")
    deadline_speed: float = setting(
        8, number(above=0), "seconds of audio for which one second is allowed beside the base"
    )
    recycle_files: int = setting(
        500, whole(1), "files that are decoded until an analysing process is replaced by a new one"
    )
    recycle_mb: int = setting(8000, whole(1), "megabytes of files after which it is replaced, decoded or not")
    grace_s: float = setting(10, number(least=0), "seconds that running files get to finish when stopped")
    lease_s: float = setting(
        60,
        number(least=3),
        "seconds after which the lease of a running job expires unless its worker renews it",
    )
    retry_base_s: float = setting(
        1, number(above=0), "longest pause before the second attempt; it doubles with each attempt"
    )
    retry_cap_s: float = setting(60, number(above=0), "longest pause before any attempt")
    storage_wait_s: float = setting(
        60, number(least=0), "seconds to wait for room on a full disk or for a locked database"
    )
    connect_timeout_s: float = setting(5, number(least=1), "seconds to wait for a connection to a server")
    call_timeout_s: float = setting(
        30, number(least=1), "seconds after which a statement or a call to a server is ended"
    )
    breaker_window_s: float = setting(
        30, number(above=0), "length of the window in which a circuit breaker counts calls"
    )
    breaker_minimum_calls: int = setting(5, whole(1), "calls in the window below which it never opens")
    breaker_failure_rate: float = setting(0.5, number(above=0, most=1), "share of failures that opens it")
    breaker_slow_call_s: float = setting(5, number(above=0), "a call that takes longer counts as slow")
    breaker_slow_rate: float = setting(0.8, number(above=0, most=1), "share of slow calls that opens it")
    breaker_open_s: float = setting(
        5, number(above=0), "seconds it stays open before a trial call, up to a fifth more or less"
    )
    breaker_half_open_calls: int = setting(2, whole(1), "trial calls that must succeed to close it")
    reconcile_s: float = setting(
        15, number(above=0), "seconds between checks for messages that the broker lost"
    )
    keep_history_days: int = setting(
        400, whole(1), "days for which ended jobs, their attempts and the history of files are kept"
    )
    log_format: str = setting(
        "auto",
        choice("auto", "json", "text"),
        "form of log lines; auto: text on a terminal, else JSON",
    )
    log_level: str = setting("info", choice(*LOG_LEVELS), "least severe messages that are logged")
    log_levels: tuple[str, ...] = setting(
        (), read_log_levels, "LOGGER=LEVEL pairs for parts of the program and for libraries"
    )
    log_file: Path | None = setting(
        None, path, "file that log lines are written to; -: standard error, also while a bar is shown"
    )
    log_file_mb: float = setting(
        10, number(above=0), "megabytes after which the log file is renamed and a new one begun"
    )
    tag_encoding: str = setting(
        "auto",
        choice("auto", *TAG_ENCODINGS),
        "encoding of tags that are neither UTF-8 nor say what they are; auto: recognised from all tags of the file",
    )
    window_s: float = setting(10, number(least=2), "length of the windows of the tempo curve")

    @property
    def excluded(self) -> tuple[str, ...]:
        """All glob patterns of what is left out."""
        return (*(DEFAULT_EXCLUDES if self.default_excludes else ()), *self.exclude)
