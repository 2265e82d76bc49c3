"""Validates the messages of a child, which a hostile file may have taken over, and converts them to records."""

import math
from dataclasses import MISSING, dataclass, fields
from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from tonearm.analysis.catalog import analysers
from tonearm.errors import Failure
from tonearm.events.states import Severity
from tonearm.jobs.port import Result
from tonearm.jobs.retry import TRANSIENT_ATTEMPTS
from tonearm.library.column_types import storable_text
from tonearm.library.file_contents import DecodeFacts, FileFacts, Size, SoundFacts, Tags
from tonearm.worker.child_process import Assignment
from tonearm.worker.child_protocol import InvalidReply, Message


def _storable(value: object) -> object:
    return storable_text(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_storable), Field(max_length=5000)]
Number = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_BOUNDED: dict[Any, Any] = {
    str: Text,
    int: Number,
    float: Seconds,
    Size: Annotated[int, Field(ge=0, lt=2**62)],
}
"""The types of ``file_contents`` with the bounds that replies must satisfy."""


class _Reply(BaseModel):
    """Validates values strictly by their types; ignores other fields."""

    model_config = ConfigDict(strict=True, extra="ignore")


ReplyT = TypeVar("ReplyT", bound=_Reply)
RecordT = TypeVar("RecordT", Tags, SoundFacts, FileFacts, DecodeFacts)


def _bounded(hint: Any) -> Any:
    """The type of a record's field, with the bounds that replies must satisfy."""
    if hint in _BOUNDED:
        return _BOUNDED[hint]
    inner = [_bounded(one) for one in get_args(hint)]
    if get_origin(hint) in (Union, UnionType):
        return reduce(or_, inner)
    return get_origin(hint)[tuple(inner)] if inner else hint


def _model_of(record: type[Any]) -> type[_Reply]:
    """A model that checks the fields of a record of ``file_contents``."""
    hints = get_type_hints(record, include_extras=True)
    required = {one.name for one in fields(record) if one.default is one.default_factory is MISSING}
    checked: dict[str, Any] = {
        name: (_bounded(hint), ... if name in required else None) for name, hint in hints.items()
    }
    return create_model(record.__name__, __base__=_Reply, **checked)


_MODELS = {record: _model_of(record) for record in (Tags, SoundFacts, FileFacts, DecodeFacts)}


def _record(kind: type[RecordT], reply: object) -> RecordT:
    """A record from a reply. Raises ``InvalidReply``."""
    return kind(**_checked(_MODELS[kind], reply).model_dump(exclude_unset=True))


class _Stage(_Reply):
    stage: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]
    fraction: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None


class _Log(_Reply):
    log: Text
    logger: Text
    severity: Literal["warning", "error"]


class _Identity(_Reply):
    hash: Annotated[str, Field(pattern=r"^[0-9a-z]{1,128}$")]
    sound: Any
    file: Any
    tags: Any


@dataclass(frozen=True, slots=True)
class IdentifiedFile:
    """The identity, tags and facts of a file, as a child has sent them."""

    hash: str
    sound: SoundFacts
    file: FileFacts
    tags: Tags


class _Finding(_Reply):
    version: Number
    values: dict[Text, Any]
    series: dict[Text, Any]


class _Finished(_Reply):
    decoded: Any
    findings: dict[Text, _Finding]
    timings: dict[Text, Seconds]


def parsed_failure(message: Message) -> Failure:
    """The failure in a reply."""
    code, reason, advice = (
        storable_text(str(message.get(name, ""))) for name in ("failed", "reason", "advice")
    )
    attempts = TRANSIENT_ATTEMPTS if message.get("transient") is True else 1
    return Failure(code[:60], reason[:2000], advice[:2000], attempts)


def parsed_stage(message: Message) -> tuple[str, float | None]:
    """The stage in a reply, and the fraction of the audio that is decoded, if known. Raises ``InvalidReply``."""
    reply = _checked(_Stage, message)
    return reply.stage, reply.fraction


def parsed_log(message: Message) -> tuple[str, str, Severity]:
    """The text of what a child has logged, the name of the logger, and the severity. Raises ``InvalidReply``."""
    reply = _checked(_Log, message)
    return reply.log, reply.logger, Severity(reply.severity)


def parsed_identity(message: object) -> IdentifiedFile:
    """The file that a reply identifies. Raises ``InvalidReply``."""
    reply = _checked(_Identity, message)
    return IdentifiedFile(
        reply.hash,
        _record(SoundFacts, reply.sound),
        _record(FileFacts, reply.file),
        _record(Tags, reply.tags),
    )


def result_of(assignment: Assignment, message: Message, work_s: float) -> Result:
    """The result of a finished attempt, ready to be stored. Raises ``InvalidReply``."""
    identity = assignment.identity
    if not isinstance(identity, IdentifiedFile):
        raise InvalidReply("finished before the file was identified")
    finished = _checked(_Finished, message)
    inode = assignment.status.st_ino
    return Result(
        audio_hash=identity.hash,
        sound=identity.sound,
        file=identity.file,
        tags=identity.tags,
        decoded=None if finished.decoded is None else _record(DecodeFacts, finished.decoded),
        findings={
            name: (found.version, *_as_declared(name, finite(found.values), finite(found.series)))
            for name, found in finished.findings.items()
        },
        size=assignment.status.st_size,
        mtime_ns=assignment.status.st_mtime_ns,
        inode=inode if inode < 1 << 63 else inode - (1 << 64),
        work_s=work_s,
        timings=finished.timings,
    )


def _as_declared(
    analyser: str, values: dict[str, Any], series: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values and series that the analyser declares; ``None`` for a value that is not of its column's type."""
    spec = analysers().get(analyser)
    types = {column.name: column.type for column in spec.columns} if spec else {}
    named = {one.name for one in spec.series} if spec else set()
    kept = {
        name: value if _is_a(types[name], value) else None for name, value in values.items() if name in types
    }
    return kept, {name: value for name, value in series.items() if name in named}


def _is_a(kind: type, value: Any) -> bool:
    if kind is float:
        return isinstance(value, float) or (type(value) is int and abs(value) < 1 << 53)
    return isinstance(value, kind)


def _checked(model: type[ReplyT], reply: object) -> ReplyT:
    try:
        return model.model_validate(reply)
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
