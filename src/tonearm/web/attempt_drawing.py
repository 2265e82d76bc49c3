"""Draws where the time of an attempt went: the queue, the stages in the child, the store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonearm.names import printable
from tonearm.views.file_trace import FileTrace
from tonearm.views.formatting import moment
from tonearm.views.trace_text import seconds_text

WIDTH = 1000
"""Width of a drawing; a bar of no time has none."""
LEAST_WIDTH = 2.0
OTHER = "other"
HUES = 12
"""Number of colours of stages."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of an attempt. x, width: where it is drawn. kind: its colour: queue, child, store or a stage's number."""

    name: str
    seconds: float
    x: float
    width: float
    kind: str

    @property
    def said(self) -> str:
        """How long it took."""
        return seconds_text(self.seconds)


@dataclass(frozen=True, slots=True)
class AttemptDrawing:
    """An attempt as it is drawn.

    whole: from the queue to the store. stages: of the time in the child, to a scale of their own; the work of some
    alternates, and each is drawn as one piece.
    """

    job: int
    number: int
    worker: str
    host: str
    taken_at: str
    outcome: str
    code: str
    charged: bool
    whole: Sequence[Bar]
    stages: Sequence[Bar]


def attempts_of(trace: FileTrace) -> Iterator[AttemptDrawing]:
    """The attempts of a trace that have ended, in the order of time."""
    taken: dict[tuple[int, int], Mapping[str, Any]] = {}
    for step in trace.steps:
        if step.what == "taken":
            taken[step.fields["job"], step.fields["attempt"]] = {**step.fields, "at": step.at}
        elif step.what == "ended":
            yield _drawn(taken[step.fields["job"], step.fields["attempt"]], step.fields)


def _drawn(taken: Mapping[str, Any], ended: Mapping[str, Any]) -> AttemptDrawing:
    run_s = ended["run_s"]
    whole = [("in the queue", taken["queue_wait_s"], "queue")]
    stages = []
    if run_s is not None:
        whole.append(("in a child", run_s, "child"))
        named = list(ended["stages"].items())
        stages = [(name, seconds, f"stage{number % HUES}") for number, (name, seconds) in enumerate(named)]
        rest = run_s - sum(seconds for _, seconds in named)
        if named and rest > 0:
            stages.append((OTHER, rest, "rest"))
    if ended["store_s"] is not None:
        whole.append(("until it was stored", ended["store_s"], "store"))
    return AttemptDrawing(
        job=ended["job"],
        number=ended["attempt"],
        worker=printable(ended["worker"]),
        host=printable(ended["host"] or ""),
        taken_at=moment(taken["at"]),
        outcome=ended["outcome"],
        code=ended["code"] or "",
        charged=ended["charged"],
        whole=bars(whole),
        stages=bars(stages),
    )


def bars(parts: Sequence[tuple[str, float, str]]) -> list[Bar]:
    """Parts side by side, to scale, but each at least so wide that it is seen. parts: name, seconds, kind."""
    total = sum(max(seconds, 0.0) for _, seconds, _ in parts)
    widths = [
        max(LEAST_WIDTH, max(seconds, 0.0) / total * WIDTH) if total else LEAST_WIDTH
        for _, seconds, _ in parts
    ]
    scale = WIDTH / sum(widths) if widths else 1.0
    found, x = [], 0.0
    for (name, seconds, kind), width in zip(parts, widths, strict=True):
        found.append(Bar(name, seconds, round(x, 2), round(width * scale, 2), kind))
        x += width * scale
    return found
