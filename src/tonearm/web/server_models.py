"""The forms of the answers about servers, settings and progress, and about tracks that go with one."""

from typing import Any, Generic, Literal

from pydantic import Field, create_model

from tonearm.web.api_models import Item, Model, PathModel, RunModel


class ServiceModel(Model):
    """A server that the settings name."""

    service: str
    state: Literal["up", "unavailable", "misconfigured"]
    latency_ms: float | None
    reason: str | None
    breakers: dict[str, str] = Field(description="The state of its circuit breaker, by worker.")


class ServicesModel(Model):
    """Whether the servers answer."""

    items: list[ServiceModel]
    broker: list[dict[str, Any]] | None = Field(description="The queues of RabbitMQ, by its own figures.")


class SettingModel(Model):
    """A setting of the process that answers."""

    setting: str
    value: Any
    origin: Literal["default", "file", "environment", "command line"] = Field(alias="from")
    environment: str
    description: str


class SettingsModel(Model):
    """Every setting."""

    items: list[SettingModel]


class ProgressModel(Model):
    """How far the open runs are."""

    at: float
    analysing: bool
    rest: dict[str, Any] | None
    runs: list[RunModel]
    running: list[dict[str, Any]]
    rates: list[dict[str, Any]]


class MixModel(PathModel):
    """A track that mixes with another one."""

    id: int
    title: str | None
    artist: str | None
    bpm: float | None
    key: str | None
    camelot: str | None
    energy: float | None
    relation: str
    tempo_change_percent: float
    felt_at: float
    score: float


class MixesModel(Model):
    """Tracks that mix with another one, the best first."""

    items: list[MixModel]


def similar_model(track: type[Model]) -> type[Model]:
    """The model of a track that is near to another one."""
    said = Field(description="In steps: about 1 is hard to tell apart.")
    doc = "A track that is near to another one."
    return create_model("SimilarTrack", __base__=track, __doc__=doc, distance=(float, said))


class Listed(Model, Generic[Item]):
    """A list of one page."""

    items: list[Item]


class VersionFilesModel(Model):
    """Files by the version of one analyser that their results are from."""

    analyser: str = Field(description="`identity` and `tags` stand for what is read of the file itself.")
    version: int | None = Field(
        description="The present version; null for an analyser that is there no more."
    )
    found: int | None = Field(description="The version of the results; null where there are none.")
    files: int


class CoverageModel(Model):
    """How many files have results of which version of each analyser."""

    files: int = Field(description="Files that were analysed, and that the last scan found.")
    results: list[VersionFilesModel]
