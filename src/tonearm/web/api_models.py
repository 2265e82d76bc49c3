"""The forms of the API's answers and of the bodies of its requests, from which the OpenAPI document is made."""

from collections.abc import Sequence
from typing import Annotated, Any, Generic, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, StrictBool, create_model

from tonearm.analysis.declaration import AnalyserSpec
from tonearm.library.proposal import ProposalKind, ProposalStatus
from tonearm.views.track import AUDIO_FIELDS, TAG_FIELDS, Track

Item = TypeVar("Item")

LevelName = Literal["critical", "high", "normal", "low", "background"]


class Model(BaseModel):
    """Base of the models. Further fields may be there."""

    model_config = ConfigDict(extra="allow")


class ProblemModel(Model):
    """Problem details, RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What is wrong, and what to do.")


class Page(Model, Generic[Item]):
    """Consecutive rows of a list."""

    items: list[Item]
    next: str | None = Field(description="The cursor of the next page; null after the last row.")


class PathModel(Model):
    """Something with a path."""

    path: str = Field(description="Bytes that are not UTF-8 are lone surrogates U+DC80 to U+DCFF (PEP 383).")
    path_b64: str | None = Field(None, description="The exact bytes, where the path is not UTF-8.")


class RunModel(Model):
    """A run: one call over many files."""

    run: int
    paths: list[str]
    state: str
    started_at: float
    finished_at: float | None
    discovered: int
    pending: int


class JobModel(PathModel):
    """A job: one file to be analysed."""

    id: int
    run: int
    state: str
    level: str
    queue_position: int | None
    attempts: int
    worker: str | None
    stage: str | None
    code: str | None
    reason: str | None
    advice: str | None
    correlation_id: str


class FailureModel(PathModel):
    """A failed file."""

    file: int = Field(description="The id of the track.")
    job: int
    run: int
    state: str
    code: str
    reason: str
    advice: str
    attempts: int
    failed_at: float


class GroupModel(Model):
    """Failed files with the same code and the same reason."""

    code: str
    cause: str
    reason: str
    advice: str
    files: int
    quarantined: int
    partial: int
    retrying: int
    first_at: float
    last_at: float
    example: str


class GroupsModel(Model):
    """The largest groups, and the number of all failed files."""

    items: list[GroupModel]
    files: int


class WorkerModel(Model):
    """A worker."""

    worker: str
    host: str
    state: str
    slots: int
    done: int
    failed: int


class ServiceStateModel(Model):
    """A server, or a disk or folder with which something is wrong, and since when."""

    service: str
    state: Literal["up", "slow", "unavailable", "misconfigured", "warning"]
    since: float
    reason: str | None
    advice: str | None


class ActivityModel(Model):
    """What the workers of the library do at this moment."""

    at: float
    library: str
    analysing: bool
    queue: list[dict[str, Any]]
    runs: list[RunModel]
    workers: list[WorkerModel]
    running: list[dict[str, Any]]
    rates: list[dict[str, Any]]
    history: dict[str, Any] = Field(
        description="files: how many ended in each `span_s` seconds of the last 15 minutes, the latest last."
    )
    failures: list[FailureModel]
    services: list[ServiceStateModel] = Field(description="What the answering process depends on.")


class StatusModel(Model):
    """The overall state of the library."""

    library: str
    files: int
    duration_s: float
    states: dict[str, int]
    analysing: bool


class AnalysisModel(Model):
    """A stored result of an analyser for the sound of a track."""

    name: str
    version: int
    made_at: float


class CountModel(Model):
    """A number of rows, counted up to 10,000."""

    total: int
    more: bool = Field(description="Whether there are more.")


class TotalModel(Model):
    """How many rows an action would change."""

    count: int


class NewRun(BaseModel):
    """Which folders are to be scanned."""

    model_config = ConfigDict(extra="forbid")

    paths: list[Annotated[str, Field(max_length=4096)]] = Field(
        [],
        max_length=100,
        description="Folders and files in the library's folders; all of these folders where none is named.",
        examples=[["/music/new"]],
    )
    level: LevelName | None = Field(None, description="The priority; by the rules where none is given.")
    fresh: StrictBool = Field(False, description="Measure again what has results.")


class RunStateModel(Model):
    """A run whose state was changed."""

    run: int
    state: str


class ActionModel(Model):
    """An action over many rows."""

    id: str
    what: str
    state: Literal["running", "done", "failed", "stopped"]
    total: int | None
    done: int
    failed: int
    started_at: float
    reason: str | None


class ProposalModel(PathModel):
    """A file, and the name that is proposed for it, or what is to be written into its tags."""

    id: int
    batch: int
    proposed_path: str | None = Field(None, description="Of a name; null where none could be made.")
    changes: list[dict[str, Any]] | None = Field(None, description="Of tags: field, name, before, after.")
    confidence: float
    costs: list[dict[str, Any]] = Field(
        description="What the confidence was reduced by: field, reason, cost."
    )
    conflicts: list[dict[str, Any]] = Field(description="What keeps the name from being used: code, path.")
    warnings: list[dict[str, Any]]
    status: Literal["pending", "approved", "rejected", "applied", "undone", "expired"]
    goes_with: str | None = Field(
        description="For a file that is no music: the track or folder it goes with."
    )
    follows: int | None = Field(description="The proposal of that track.")
    refusal: str | None = Field(description="Why the last attempt to rename the file did not succeed.")


class ProposalFilter(BaseModel):
    """Which proposals are meant: those that meet every condition that is given."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[int, Field(ge=1, lt=2**63)]] = Field([], max_length=500)
    batch: int | None = Field(None, ge=1, lt=2**63, examples=[1])
    status: list[ProposalStatus] = Field([], max_length=10)
    below: str | None = Field(None, max_length=4096, description="Files at or below this path.")
    sure: float | None = Field(None, ge=0, le=1, description="At least this confidence.")
    unsure: float | None = Field(None, ge=0, le=1, description="At most this confidence.")
    conflicts: StrictBool | None = Field(None, description="Only those with, or without, conflicts.")
    kind: ProposalKind = Field(ProposalKind.RENAME, description="Names, or tags.")
    all: StrictBool = Field(False, description="Every proposal; needed where nothing else is given.")


class Batch(BaseModel):
    """A batch of proposals: one call of `tonearm rename plan` or `tonearm tags plan`."""

    model_config = ConfigDict(extra="forbid")

    batch: int = Field(ge=1, lt=2**63, examples=[1])


class AuditModel(Model):
    """Something that a person or a program had the library do."""

    id: int
    at: float
    who: str = Field(description="The name of a token, `this host`, or the user of a command.")
    action: str
    about: dict[str, Any]
    rows: int | None = Field(description="How many rows were changed, where that is known.")


class FailedFilter(BaseModel):
    """Which failed files are meant; all that are quarantined or retrying by default."""

    model_config = ConfigDict(extra="forbid")

    codes: list[str] = Field([], max_length=50, description="Failure codes.", examples=[["not-audio"]])
    below: str | None = Field(None, description="Files at or below this path.")
    partial: StrictBool = Field(False, description="Partial files, too.")


class LockChange(BaseModel):
    """What is set by hand for the sound of a track. A field that is not given stays; null unlocks."""

    model_config = ConfigDict(extra="forbid")

    bpm: float | None = Field(None, ge=10, le=1000, examples=[128.0])
    key: str | None = Field(
        None, max_length=20, examples=["8A"], description="Such as A minor, Am, 8A or 1m."
    )


class Priority(BaseModel):
    """A priority for the waiting jobs at or below a path."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(examples=["/music/new"])
    level: LevelName


def track_model(analysers: Sequence[AnalyserSpec]) -> type[Model]:
    """The model of a track, with a field for everything that the analysers return."""
    fields: dict[str, Any] = {
        "id": (int, Field(description="Of the file, in this library.")),
        "state": (str, Field(description="done, partial, quarantined, waiting, missing or left-out.")),
    }
    declared = get_type_hints(Track)
    fields |= {name: (declared[name], ...) for name in (*AUDIO_FIELDS, *TAG_FIELDS)}
    for spec in analysers:
        for column in spec.columns:
            kind: Any = Any if column.type is object else column.type
            said = f"{column.description} ({column.unit})" if column.unit else column.description
            fields[column.name] = (kind | None if kind is not Any else Any, Field(description=said))
    fields["stale"] = (dict[str, int | None], Field(description="Results from other versions, by analyser."))
    fields["locked"] = (list[str], Field(description="What a person has locked: bpm, first_beat, key."))
    fields["measured"] = (dict[str, Any], Field(description="What was measured where a locked value counts."))
    return create_model("Track", __base__=PathModel, __doc__="A file with its results.", **fields)


def listed_model(track: type[Model]) -> type[Model]:
    """The model of a track in a list, which may have only some of its fields."""
    fields: dict[str, Any] = {
        name: (field.annotation, Field(default_factory=lambda: None, description=field.description))
        for name, field in track.model_fields.items()
    }
    said = "A file with its results: all fields, or those that `fields` names."
    return create_model("ListedTrack", __base__=Model, __doc__=said, **fields)


def detail_model(track: type[Model], analysers: Sequence[AnalyserSpec]) -> type[Model]:
    """The model of everything that is stored about one track."""
    fields: dict[str, Any] = {
        "complete": (bool | None, ...),
        "warnings": (list[str], ...),
        "remarks": (list[str], ...),
        "analysers": (list[AnalysisModel], Field(description="The stored results.")),
        "tags": (dict[str, Any], Field(description="Each tag as written.")),
        "history": (list[dict[str, Any]], ...),
    }
    for spec in analysers:
        for series in spec.series:
            said = f"{series.description} ({series.unit})" if series.unit else series.description
            fields[series.name] = (Any, Field(description=said))
    return create_model("TrackDetail", __base__=track, __doc__="Everything about one track.", **fields)
