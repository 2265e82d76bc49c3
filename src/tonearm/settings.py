"""Every setting, its default, its bounds, and where its value comes from.

The command line beats the environment (``TONEARM_…``), the environment beats the TOML file, the file beats
the defaults.
"""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tonearm.errors import ConfigurationError


class Level(IntEnum):
    """The five priorities; the lower the number, the sooner."""

    CRITICAL = 0  # a person waits for it; never overtaken by ageing
    HIGH = 1
    NORMAL = 2
    LOW = 3
    BACKGROUND = 4

    @property
    def label(self) -> str:
        """The name a person types and reads."""
        return self.name.lower()


def level_named(name: object) -> Level:
    """Turn ``"high"`` into ``Level.HIGH``. Raises ValueError."""
    if isinstance(name, Level):
        return name
    if isinstance(name, str) and name.upper() in Level.__members__:
        return Level[name.upper()]
    raise ValueError(f"must be one of {', '.join(level.label for level in Level)}")


def texts(value: object) -> object:
    """Turn ``"a,b"`` and ``'["a", "b"]'`` into lists; anything else is left for validation to judge."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _array(value, 'an array such as ["a", "b"], or texts with commas between them')
    return [part.strip() for part in value.split(",") if part.strip()]


def _array(text: str, form: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"must be {form}") from None


Url = Annotated[str | None, Field(min_length=3)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(texts)]
LevelName = Annotated[Level, BeforeValidator(level_named)]


class Rule(BaseModel):
    """Files that meet every stated condition get ``level``; the first rule that fits a file decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: LevelName
    formats: tuple[str, ...] = Field(default=(), description="file extensions without the dot; empty: all")
    larger_than_mb: float | None = None
    smaller_than_mb: float | None = None
    modified_within_days: float | None = None

    def fits(self, size: int, extension: str, age_s: float) -> bool:
        """Judge a file by its size in bytes, its extension and the seconds since it was modified."""
        return (
            (not self.formats or extension in self.formats)
            and (self.larger_than_mb is None or size > self.larger_than_mb * 1e6)
            and (self.smaller_than_mb is None or size < self.smaller_than_mb * 1e6)
            and (self.modified_within_days is None or age_s < self.modified_within_days * 86_400)
        )


def rules_in(value: object) -> object:
    """Turn JSON into rules; anything else is left for validation to judge."""
    if not isinstance(value, str):
        return value
    return _array(value, 'an array such as [{"level": "high", "formats": ["flac"]}]')


Rules = Annotated[tuple[Rule, ...], NoDecode, BeforeValidator(rules_in)]
DEFAULT_RULES = (
    Rule(level=Level.LOW, larger_than_mb=200),
    Rule(level=Level.HIGH, modified_within_days=7),
)
EXTENSIONS = ("aif", "aifc", "aiff", "flac", "m4a", "m4b", "mp3", "oga", "ogg", "opus", "wav", "wma")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """All settings; each is also an environment variable, ``TONEARM_`` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="TONEARM_", env_ignore_empty=True, frozen=True, extra="forbid"
    )

    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("tonearm"),
        description="folder of the library's database",
    )
    database_url: Url = Field(
        None, description="PostgreSQL database that several hosts share; without it SQLite in data_dir"
    )
    rabbitmq_url: Url = Field(None, description="RabbitMQ that delivers the jobs; needs database_url")
    rabbitmq_management_url: Url = Field(
        None, description="RabbitMQ's management API, for the broker's own depth and rates"
    )
    redis_url: Url = Field(None, description="Redis that holds the live view for every host")
    neo4j_url: Url = Field(None, description="Neo4j that holds the graph of artists, tracks and keys")
    rabbitmq_replicated: bool = Field(
        False, description="one replicated quorum queue a level instead of one classic priority queue"
    )
    namespace: str = Field(
        "tonearm",
        pattern=r"^[A-Za-z0-9_.-]{1,60}$",
        description="what queue names, keys and graph labels begin with, where several libraries share servers",
    )
    workers: int = Field(
        default_factory=_cores,
        ge=0,
        le=512,
        description="files analysed at the same time; 0 leaves the work to `tonearm worker` elsewhere",
    )
    worker_name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.:@-]{1,100}$",
        description="name of this worker among others; host and process id when not given",
    )
    path_map: Texts = Field(
        (), description="FROM=TO pairs: where this host has mounted folders that others know as FROM"
    )
    nice: int = Field(10, ge=0, le=19, description="how much the analysing processes give way to others")
    include: Texts = Field((), description="glob patterns; when given, only files that match one are taken")
    exclude: Texts = Field(
        ("._*", "@eaDir", "#recycle", ".Trash*", "$RECYCLE.BIN", "lost+found"),
        description="glob patterns of files and folders that are left out",
    )
    extensions: Texts = Field(EXTENSIONS, description="file name endings that are music")
    rules: Rules = Field(
        DEFAULT_RULES, description="priority rules from size, format and recency; the first that fits decides"
    )
    ageing_s: float = Field(
        21_600, gt=0, description="seconds of waiting that raise a job by one level, never to critical"
    )
    memory_mb: int = Field(1024, ge=256, description="memory one file's analysis may use")
    deadline_base_s: float = Field(60, gt=0, description="seconds any file may take")
    deadline_speed: float = Field(
        8, gt=0, description="beside the base: duration divided by this many seconds are allowed"
    )
    recycle_files: int = Field(500, ge=1, description="files after which an analysing process is renewed")
    recycle_mb: int = Field(8000, ge=1, description="megabytes of files after which it is renewed")
    grace_s: float = Field(10, ge=0, description="seconds that running files get to finish when stopped")
    lease_s: float = Field(60, ge=3, description="seconds a running job belongs to a worker it hears from")
    retry_base_s: float = Field(1, gt=0, description="first back-off; it doubles with each attempt")
    retry_cap_s: float = Field(60, gt=0, description="longest back-off")
    storage_wait_s: float = Field(
        60, ge=0, description="seconds to wait for room on a full disk or for a locked database"
    )
    connect_timeout_s: float = Field(5, ge=1, description="seconds to wait for a connection to a server")
    call_timeout_s: float = Field(
        30, ge=1, description="seconds a statement or call to a server may take before it is given up"
    )
    breaker_window_s: float = Field(30, gt=0, description="seconds of calls that a circuit breaker judges by")
    breaker_minimum_calls: int = Field(5, ge=1, description="calls in the window before it judges at all")
    breaker_failure_rate: float = Field(0.5, gt=0, le=1, description="share of failures that opens it")
    breaker_slow_call_s: float = Field(5, gt=0, description="a call that takes longer counts as slow")
    breaker_slow_rate: float = Field(0.8, gt=0, le=1, description="share of slow calls that opens it")
    breaker_open_s: float = Field(
        5, gt=0, description="seconds it stays open, within a fifth, before a trial"
    )
    breaker_half_open_calls: int = Field(2, ge=1, description="trial calls that must go well to close it")
    reconcile_s: float = Field(
        15, gt=0, description="seconds between looks for messages that the broker lost"
    )
    window_s: float = Field(10, ge=2, description="length of the windows of the tempo curve")


def config_path(environment: Mapping[str, str]) -> Path:
    """The TOML file: ``TONEARM_CONFIG``, or ``tonearm.toml`` in the platform's configuration folder."""
    named = environment.get("TONEARM_CONFIG")
    return Path(named) if named else platformdirs.user_config_path("tonearm") / "tonearm.toml"


def load_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the file and the environment, put the given values on top.

    Raises:
        ConfigurationError: a value is out of bounds or unknown, or the file can't be read or is not TOML.
    """
    path = config_path(os.environ)
    written = _read(path)

    class Located(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature is the library's
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, written)

    given: dict[str, Any] = {k: v for k, v in (overrides or {}).items() if v is not None}
    try:
        return Located(**given)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_explained(error, given, path))) from error


def _read(path: Path) -> dict[str, Any]:
    """What the settings file says; nothing where there is none and nobody named one."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        if os.environ.get("TONEARM_CONFIG"):
            raise ConfigurationError(f"{path}: TONEARM_CONFIG names a file that is not there") from error
        return {}
    except OSError as error:
        raise ConfigurationError(f"{path}: the settings can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from error


def _explained(error: ValidationError, given: Mapping[str, object], path: Path) -> Iterator[str]:
    """What is wrong with each wrong setting, and where it was set."""
    for problem in error.errors():
        names = [str(part) for part in problem["loc"]]
        name, reason = ".".join(names), problem["msg"].removeprefix("Value error, ")
        value = "" if name.endswith("_url") else f" = {problem['input']!r}"
        if problem["type"] == "extra_forbidden":  # such as a misspelt database_url
            value, reason = "", _no_such(names)
        yield f"setting {name}{value} ({_place(names[0], given, path)}): {reason}"


def _no_such(names: Sequence[str]) -> str:
    """That a setting, or what it stands for within a rule, does not exist; and which one may be meant."""
    known = Settings.model_fields if len(names) == 1 else Rule.model_fields
    near = difflib.get_close_matches(names[-1], known, 1)
    return "there is no such setting" + (f"; do you mean {near[0]}?" if near else "")


def _place(name: str, given: Mapping[str, object], path: Path) -> str:
    if name in given:
        return "from the command line"
    return f"from {_variable(name)}" if os.environ.get(_variable(name)) else f"in {path}"


def _variable(name: str) -> str:
    return f"TONEARM_{name.upper()}"


def origin(name: str, settings: Settings, overrides: Mapping[str, object]) -> str:
    """Say where a setting's value came from: command line, environment, file or default."""
    if overrides.get(name) is not None:
        return "command line"
    if os.environ.get(_variable(name)):
        return "environment"
    return "file" if name in settings.model_fields_set else "default"


def located_config() -> Path:
    """Where the TOML file is or would be."""
    return config_path(os.environ)


def without_password(url: str) -> str:
    """A URL that may be shown: of who logs in only the name is left, also where the URL is not a proper one."""
    scheme, sign, rest = url.partition("://") if "://" in url else ("", "", url)
    login, at, place = rest.rpartition("@")
    if at:
        user, colon, _ = login.partition(":")
        login = f"{user}:***" if colon else user if sign else "***"
    place = re.sub(r"(?i)([?&][^=&]*(?:pass|secret|token)[^=&]*=)[^&]*", r"\1***", place)
    return f"{scheme}{sign}{login}{at}{place}"
