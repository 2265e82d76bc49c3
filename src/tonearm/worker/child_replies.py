"""Puts what a child said into the words of the library, checked: a file may have taken control of it."""

import math
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tonearm.analysis.catalog import analysers
from tonearm.errors import Failure
from tonearm.jobs.port import Result
from tonearm.library.column_types import storable_text
from tonearm.worker.child_process import Assignment
from tonearm.worker.child_protocol import InvalidReply, Message

TRANSIENT_ATTEMPTS = 4


def _storable(value: object) -> object:
    return storable_text(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_storable), Field(max_length=5000)]
Number = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Reply(BaseModel):
    """Values of exactly the stated types; what else a child adds is ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


ReplyT = TypeVar("ReplyT", bound=_Reply)


class _Stage(_Reply):
    stage: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]
    fraction: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None


class _Facts(_Reply):
    codec: Text
    container: Text
    sample_rate_hz: Number
    channels: Number
    bit_depth: Number | None
    bit_rate_bps: Annotated[int, Field(ge=0, lt=2**62)] | None
    declared_s: Seconds | None
    declared_exact: bool


class _Tags(_Reply):
    title: Text | None = None
    artist: Text | None = None
    album: Text | None = None
    album_artist: Text | None = None
    track: Number | None = None
    track_total: Number | None = None
    disc: Number | None = None
    disc_total: Number | None = None
    year: Number | None = None
    genre: Text | None = None
    art_count: Number = 0
    art_bytes: Annotated[int, Field(ge=0, lt=2**62)] = 0
    art_mime: Text | None = None
    everything: dict[Text, list[Text]] = {}
    warning: Text | None = None


class IdentifiedFile(_Reply):
    """What a file is, as its child told it."""

    hash: Annotated[str, Field(pattern=r"^[0-9a-z]{1,128}$")]
    facts: _Facts
    tags: _Tags


class _Report(_Reply):
    decoded_s: Seconds
    complete: bool
    warnings: list[Text]


class _Finding(_Reply):
    version: Number
    values: dict[Text, Any]
    series: dict[Text, Any]


class _Finished(_Reply):
    report: _Report | None
    findings: dict[Text, _Finding]
    timings: dict[Text, Seconds]


def parsed_failure(message: Message) -> Failure:
    """A failure as the child told it."""
    code, reason, advice = (
        storable_text(str(message.get(name, ""))) for name in ("failed", "reason", "advice")
    )
    attempts = TRANSIENT_ATTEMPTS if message.get("transient") is True else 1
    return Failure(code[:60], reason[:2000], advice[:2000], attempts)


def parsed_stage(message: Message) -> tuple[str, float | None]:
    """Where a child is, and what share of the audio it has decoded, if it knows. Raises InvalidReply."""
    told = _checked(_Stage, message)
    return told.stage, told.fraction


def parsed_identity(message: Message) -> IdentifiedFile:
    """What a file is. Raises InvalidReply."""
    return _checked(IdentifiedFile, message)


def result_of(assignment: Assignment, message: Message, work_s: float) -> Result:
    """The result of a finished attempt, ready to be stored. Raises InvalidReply."""
    identity = _checked(IdentifiedFile, assignment.identity)
    finished = _checked(_Finished, message)
    facts = identity.facts.model_dump(exclude={"declared_exact"})
    if not identity.facts.declared_exact:
        facts["declared_s"] = None  # a guess is not a declaration
    inode = assignment.status.st_ino
    return Result(
        audio_hash=identity.hash,
        facts=facts,
        tags=identity.tags.model_dump(),
        report=finished.report.model_dump() if finished.report else {},
        findings={
            name: (found.version, as_declared(name, finite(found.values)), finite(found.series))
            for name, found in finished.findings.items()
        },
        size=assignment.status.st_size,
        mtime_ns=assignment.status.st_mtime_ns,
        inode=inode if inode < 1 << 63 else inode - (1 << 64),
        work_s=work_s,
        timings=finished.timings,
    )


def as_declared(analyser: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values of the columns that the analyser declares; ``None`` for what is not of its column's type."""
    spec = analysers().get(analyser)
    declared = {column.name: column.type for column in spec.columns} if spec else {}
    return {
        name: value if _is_a(declared[name], value) else None
        for name, value in values.items()
        if name in declared
    }


def _is_a(kind: type, value: Any) -> bool:
    if kind is float:
        return isinstance(value, float) or (type(value) is int and abs(value) < 1 << 53)
    return isinstance(value, kind)


def _checked(model: type[ReplyT], said: object) -> ReplyT:
    try:
        return model.model_validate(said)
    except ValidationError as error:
        raise InvalidReply(f"not a {model.__name__.strip('_').lower()}: {error}") from error


def finite(value: Any) -> Any:
    """The value with everything in it that is not a finite number replaced by ``None``."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return value
