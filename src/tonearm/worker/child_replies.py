"""Validates the messages of a child, which a hostile file may have taken over, and converts them to records.

``child_protocol`` has refused messages with numbers that are not finite.
"""

from dataclasses import MISSING, Field, dataclass, fields
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    ValidationError,
)
from pydantic import Field as Limits
from pydantic_core.core_schema import (
    CoreConfig,
    CoreSchema,
    dataclass_args_schema,
    dataclass_field,
    dataclass_schema,
    with_default_schema,
)

from tonearm.analysis.catalog import analysers
from tonearm.errors import Failure
from tonearm.events.states import Severity
from tonearm.jobs.port import ReadFile, Result
from tonearm.jobs.retry import MAX_TRANSIENT_ATTEMPTS
from tonearm.library.column_types import storable_text
from tonearm.library.file_contents import DecodeFacts, FileFacts, Size, SoundFacts, Tags
from tonearm.worker.child_process import Assignment
from tonearm.worker.child_protocol import InvalidReply, Message


def _storable(value: object) -> object:
    return storable_text(value) if isinstance(value, str) else value


Text = Annotated[str, Limits(max_length=5000), BeforeValidator(_storable)]
Number = Annotated[int, Limits(ge=-(2**31), lt=2**31)]
Seconds = Annotated[float, Limits(ge=0, allow_inf_nan=False)]

_BOUNDED: dict[Any, Any] = {
    str: Text,
    int: Number,
    float: Seconds,
    Size: Annotated[int, Limits(ge=0, lt=2**62)],
}
"""The types of ``file_contents`` with the bounds that replies must satisfy."""


class _Reply(BaseModel):
    """Validates values strictly by their types; ignores other fields."""

    model_config = ConfigDict(strict=True, extra="ignore")


ReplyT = TypeVar("ReplyT", bound=_Reply)


def _bounded(hint: Any) -> Any:
    """The type of a record's field, with the bounds that replies must satisfy."""
    if hint in _BOUNDED:
        return _BOUNDED[hint]
    inner = [_bounded(one) for one in get_args(hint)]
    if get_origin(hint) in (Union, UnionType):
        return reduce(or_, inner)
    return get_origin(hint)[tuple(inner)] if inner else hint


class _Record:
    """Says of a field that its value is an object with the fields of a record, by their types and bounds.

    What comes out is the record; a field that it lacks gets the record's default.
    """

    def __get_pydantic_core_schema__(self, record: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        hints = get_type_hints(record, include_extras=True)
        checked = [
            dataclass_field(one.name, _or_default(one, handler.generate_schema(_bounded(hints[one.name]))))
            for one in fields(record)
        ]
        return dataclass_schema(
            record,
            dataclass_args_schema(record.__name__, checked),
            [one.name for one in fields(record)],
            slots=True,
            strict=False,  # it comes as a dict, which is strictly no record; the values are checked strictly
            config=CoreConfig(strict=True, extra_fields_behavior="ignore"),
        )


def _or_default(one: Field[Any], schema: CoreSchema) -> CoreSchema:
    if one.default_factory is not MISSING:
        return with_default_schema(schema, default_factory=one.default_factory)
    return schema if one.default is MISSING else with_default_schema(schema, default=one.default)


class _Stage(_Reply):
    stage: Annotated[str, Limits(pattern=r"^[a-z]{1,20}$")]
    fraction: Annotated[float, Limits(ge=0, le=1, allow_inf_nan=False)] | None = None


class _Log(_Reply):
    log: Text
    logger: Text
    severity: Literal["warning", "error"]


class _Identity(_Reply):
    hash: Annotated[str, Limits(pattern=r"^[0-9a-z]{1,128}$")]
    sound: Annotated[SoundFacts, _Record()]
    file: Annotated[FileFacts, _Record()]
    tags: Annotated[Tags, _Record()]
    former: Annotated[str, Limits(pattern=r"^[0-9a-z]{1,128}$")] | None = None


class _Read(_Reply):
    tags: Annotated[Tags, _Record()]
    file: Annotated[FileFacts, _Record()] | None = None


@dataclass(frozen=True, slots=True)
class IdentifiedFile:
    """The identity, tags and facts of a file, as a child has sent them."""

    hash: str
    sound: SoundFacts
    file: FileFacts
    tags: Tags
    former_hash: str | None = None


class _Finding(_Reply):
    version: Number
    values: dict[Any, Any]  # those that are not declared are left out
    series: dict[Any, Any]


class _Finished(_Reply):
    decoded: Annotated[DecodeFacts, _Record()] | None
    findings: dict[Text, _Finding]
    timings: dict[Text, Seconds]


def parsed_failure(message: Message) -> Failure:
    """The failure in a reply."""
    code, reason, advice = (
        storable_text(str(message.get(name, ""))) for name in ("failed", "reason", "advice")
    )
    max_attempts = MAX_TRANSIENT_ATTEMPTS if message.get("transient") is True else 1
    return Failure(code[:60], reason[:2000], advice[:2000], max_attempts)


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
        reply.sound,
        reply.file,
        reply.tags,
        reply.former,
    )


def parsed_reading(message: Message) -> ReadFile | None:
    """The tags and facts in a reply about a file that is not identified, if it has any. Raises ``InvalidReply``."""
    if message.get("tags") is None:
        return None
    reply = _checked(_Read, message)
    return ReadFile(reply.tags, reply.file)


def read_so_far(assignment: Assignment) -> ReadFile | None:
    """What a child has sent of its file."""
    identity = assignment.identity
    if isinstance(identity, IdentifiedFile):
        return ReadFile(identity.tags, identity.file, identity.hash, identity.sound)
    return assignment.read


def result_of(assignment: Assignment, message: Message, work_s: float) -> Result:
    """The result of a finished attempt, ready to be stored. Raises ``InvalidReply``."""
    identity = assignment.identity
    if not isinstance(identity, IdentifiedFile):
        raise InvalidReply("finished before the file was identified")
    finished = _checked(_Finished, message)
    if assignment.file is None:
        raise InvalidReply("finished before the file was sent")
    status = assignment.file.status
    return Result(
        audio_hash=identity.hash,
        sound=identity.sound,
        file=identity.file,
        tags=identity.tags,
        decoded=finished.decoded,
        findings={
            name: (found.version, *_as_declared(name, found.values, found.series))
            for name, found in finished.findings.items()
        },
        size=status.size,
        mtime_ns=status.mtime_ns,
        inode=status.inode if status.inode < 1 << 63 else status.inode - (1 << 64),
        work_s=work_s,
        timings=finished.timings,
        former_hash=identity.former_hash,
    )


def _as_declared(
    analyser: str, values: dict[str, Any], series: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values and series that the analyser declares; ``None`` for a value that is not of its column's type."""
    types, named = _declarations().get(analyser, ({}, frozenset()))
    kept = {
        name: value if type(value) is types[name] or _is_a(types[name], value) else None
        for name, value in values.items()
        if name in types
    }
    return kept, {name: value for name, value in series.items() if name in named}


@cache
def _declarations() -> dict[str, tuple[dict[str, type], frozenset[str]]]:
    """The types of the columns, and the names of the series, of each analyser."""
    return {
        spec.name: (
            {column.name: column.type for column in spec.columns},
            frozenset(one.name for one in spec.series),
        )
        for spec in analysers().values()
    }


def _is_a(kind: type, value: Any) -> bool:
    if kind is float:
        return isinstance(value, float) or (type(value) is int and abs(value) < 1 << 53)
    return isinstance(value, kind)


def _checked(model: type[ReplyT], reply: object) -> ReplyT:
    try:
        return model.model_validate(reply)
    except ValidationError as error:
        raise InvalidReply(f"not a {model.__name__.strip('_').lower()}: {error}") from error
