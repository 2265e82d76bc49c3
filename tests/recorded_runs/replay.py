"""Replays a recorded run through the estimate of the remaining time, second by second."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonearm.events.states import Workload
from tonearm.progress.eta import Eta, FileInProgress

FOLDER = Path(__file__).parent
TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a run: how long it had gone on, what was predicted to be left, and what was left."""

    at_s: float
    predicted_s: float | None
    actual_s: float

    @property
    def ratio(self) -> float | None:
        """Predicted by actual; below 1 the prediction was too short."""
        return None if self.predicted_s is None else self.predicted_s / self.actual_s


def names() -> list[str]:
    """The recorded runs."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def read(name: str) -> list[dict[str, Any]]:
    """The events of a recorded run."""
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def replay(
    name: str, cost: Mapping[str, float] | None = None, make: Callable[..., Eta] = Eta
) -> list[Moment]:
    """What was predicted at every second from the beginning of the work to the end of its last job.

    cost: what earlier runs had needed, as the library knows it; nothing unless given.
    """
    events = read(name)
    first = events[0]
    workload = {extension: Workload(**load) for extension, load in first["workload"].items()}
    eta = make(workload, cost or {}, first["workers"])
    end_s = max(event["t"] for event in events if event["event"] == "job_finished")
    running: dict[int, tuple[str, int, float, float | None]] = {}
    moments = []
    tick = 0.0
    for event in events[1:]:
        while tick < min(event["t"], end_s):
            files = [
                FileInProgress(ext, size, tick - since, part) for ext, size, since, part in running.values()
            ]
            moments.append(Moment(tick, eta.seconds(files), end_s - tick))
            tick += TICK_S
        _apply(eta, running, event)
    return moments


def _apply(
    eta: Eta, running: dict[int, tuple[str, int, float, float | None]], event: Mapping[str, Any]
) -> None:
    match event["event"]:
        case "job_started":
            running[event["job"]] = (event["extension"], event["size"], event["t"], None)
        case "stage_reached" if event["job"] in running:
            running[event["job"]] = (*running[event["job"]][:3], event["fraction"])
        case "job_retrying" | "job_returned":
            running.pop(event["job"], None)
        case "job_finished":
            running.pop(event["job"], None)
            eta.finished(event["extension"], event["size"], event["run_s"], event["decoded_s"])
