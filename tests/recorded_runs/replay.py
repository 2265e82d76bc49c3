"""Replays a recorded run through the live view, which then estimates the remaining time at every second."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonearm.events.event import Event
from tonearm.events.facts import (
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    Remote,
    RunStarted,
    RunStateChanged,
    StageReached,
    WorkersChanged,
    WorkloadKnown,
)
from tonearm.events.job_ref import JobRef
from tonearm.events.services import StorageStateChanged
from tonearm.events.states import Decoded, Outlook, RunState, StorageState, Workload
from tonearm.progress.live import LiveView

FOLDER = Path(__file__).parent
TICK_S = 1.0
Learned = dict[str, tuple[Decoded, ...]]


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a run at which work went on.

    at_s: how long the run had gone on. done: share of all work that was done by then, in seconds of children.
    left_s: how long it still took, without the time in which it was paused. outlook: what was said to be left.
    """

    at_s: float
    done: float
    left_s: float
    outlook: Outlook

    @property
    def ratio(self) -> float | None:
        """Estimated by real remaining time; below 1 the estimate was too short."""
        return None if self.outlook.eta_s is None else self.outlook.eta_s / self.left_s

    @property
    def error(self) -> float | None:
        """Difference of the estimated and the real remaining time, by the real one."""
        return None if self.ratio is None else abs(self.ratio - 1)

    @property
    def in_range(self) -> bool:
        """Whether the real end was in the range."""
        low_s, high_s = self.outlook.eta_low_s, self.outlook.eta_high_s
        return low_s is not None and high_s is not None and low_s <= self.left_s <= high_s


def names() -> list[str]:
    """The recorded runs."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def read(name: str) -> list[dict[str, Any]]:
    """The events of a recorded run."""
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def learned_from(names: Iterable[str]) -> Learned:
    """What a library knows after these runs, in the form in which it tells it."""
    sums: dict[tuple[int, str, int], list[float]] = {}
    for run, name in enumerate(names, 100):
        for event in read(name):
            if event["event"].endswith("job_finished") and event["decoded_s"]:
                one = sums.setdefault((run, event["extension"], event["size"].bit_length()), [0, 0, 0.0, 0.0])
                for index, value in enumerate((1, event["size"], event["decoded_s"], event["run_s"])):
                    one[index] += value
    found: dict[str, list[Decoded]] = {}
    for (run, extension, _), (files, size, decoded_s, work_s) in sums.items():
        found.setdefault(extension, []).append(Decoded(run, int(files), int(size), decoded_s, work_s))
    return {extension: tuple(several) for extension, several in found.items()}


def replay(name: str, learned: Learned | None = None) -> list[Moment]:
    """What was said at every second from when the files were known to the end of the last job."""
    events = read(name)
    now = 0.0
    view = LiveView(clock=lambda: now)
    end_s = max(event["t"] for event in events if event["event"].endswith("job_finished"))
    known_s = next(event["t"] for event in events if event["event"] == "workload_known")
    work = _Work(events)
    moments = []
    tick = 0.0
    for event in events:
        while tick < min(event["t"], end_s):
            if tick >= known_s and view.state == RunState.RUNNING:
                now = tick
                moments.append(Moment(tick, work.done(tick), work.left_s(tick, end_s), view.outlook()))
            tick += TICK_S
        now = event["t"]
        for fact in _facts(event, learned or {}):
            view(fact)
    return moments


class _Work:
    """When children worked, and when the run was paused."""

    def __init__(self, events: Sequence[Mapping[str, Any]]) -> None:
        ends = [event for event in events if event["event"].endswith(("job_finished", "job_retrying"))]
        self._files = [(event["t"] - event["run_s"], event["t"]) for event in ends]
        changes = [(event["t"], event["state"]) for event in events if event["event"] == "run_state_changed"]
        self._pauses = [
            (began, ended) for (began, state), (ended, _) in itertools.pairwise(changes) if state == "paused"
        ]

    def done(self, at_s: float) -> float:
        return _overlap(self._files, 0, at_s) / _overlap(self._files, 0, float("inf"))

    def left_s(self, at_s: float, end_s: float) -> float:
        return end_s - at_s - _overlap(self._pauses, at_s, end_s)


def _overlap(spans: Iterable[tuple[float, float]], first: float, last: float) -> float:
    return sum(max(0.0, min(last, ended) - max(first, began)) for began, ended in spans)


def _facts(event: Mapping[str, Any], learned: Learned) -> Iterator[Event]:
    name = event["event"].removeprefix("remote_")
    fact: Any
    match name:
        case "run_started":
            fact = RunStarted(event["run"], event["slots"], "")
        case "workload_known":
            workload = {
                extension: tuple(Workload(**load) for load in several)
                for extension, several in event["workload"].items()
            }
            fact = WorkloadKnown(1, event["slots"], workload, learned, event["ended"])
        case "job_started":
            fact = JobStarted(_job(event))
        case "stage_reached":
            fact = StageReached(_job(event), event["stage"], event["fraction"])
        case "job_retrying":
            fact = JobRetrying(_job(event), "", "", event["delay_s"], event["run_s"])
        case "job_returned":
            fact = JobReturned(_job(event), "", event["state"])
        case "job_finished":
            fact = JobFinished(
                _job(event),
                event["state"],
                event["run_s"],
                event["store_s"],
                event["timings"],
                event["decoded_s"],
            )
        case "workers_changed":
            fact = WorkersChanged(event["slots"])
        case "run_state_changed":
            fact = RunStateChanged(1, RunState(event["state"]))
        case "storage_state_changed":
            fact = StorageStateChanged(StorageState(event["state"]))
        case _:
            return
    yield Remote(fact) if event["event"] != name else fact


def _job(event: Mapping[str, Any]) -> JobRef:
    return JobRef(
        job=event["job"],
        run=1,
        attempt=1,
        correlation_id="",
        worker="",
        level=event.get("level", "normal"),
        path=b"",
        size=event.get("size", 0),
        extension=event.get("extension", ""),
    )
