"""Record a run: ``tonearm analyze FOLDER --json | python -m tests.recorded_runs.record > NAME.jsonl``.

Keeps the data for estimating the remaining time, with seconds since the start; no file names.
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

FILE = ("job", "extension", "size", "level")
KEPT = {
    "run_started": ("run", "slots"),
    "workload_known": ("slots", "ended", "workload", "learned"),
    "job_started": FILE,
    "stage_reached": ("job", "stage", "fraction"),
    "job_retrying": (*FILE, "run_s", "delay_s"),
    "job_returned": (*FILE, "state"),
    "job_finished": (*FILE, "state", "run_s", "store_s", "timings", "decoded_s"),
    "workers_changed": ("slots",),
    "run_state_changed": ("state",),
    "storage_state_changed": ("state",),
    "summary": ("discovered", "done", "partial", "skipped", "failed", "pending"),
}
STEP = 0.25
"""Shares of decoded audio are kept when they have grown by this much."""
REMOTE = "remote_"


def recorded(events: Iterator[tuple[float, Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Of events with the moments at which they were read those that are kept, with the moment since the first."""
    began: float | None = None
    kept: dict[int, float] = {}
    for moment, event in events:
        name = event["event"].removeprefix(REMOTE)
        if began is None and name == "run_started":
            began = moment
        if began is None or name not in KEPT:
            continue
        if name == "stage_reached" and event["fraction"]:
            if event["fraction"] - kept.get(event["job"], 0.0) < STEP:
                continue
            kept[event["job"]] = event["fraction"]
        values = {key: _short(event[key]) for key in KEPT[name]}
        yield {"t": round(moment - began, 3), "event": event["event"]} | values


def _short(value: Any) -> Any:
    """Numbers to four digits; of the stages' times those of reading and decoding, and the sum of the others."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict) and "decode" in value:
        others = sum(seconds for stage, seconds in value.items() if stage not in ("identify", "decode"))
        value = {stage: value[stage] for stage in ("identify", "decode") if stage in value} | {
            "front": others
        }
    return {key: _short(one) for key, one in value.items()} if isinstance(value, dict) else value


def main() -> None:
    """Read events from standard input as they come."""
    events = ((time.monotonic(), json.loads(line)) for line in sys.stdin)
    for event in recorded(events):
        print(json.dumps(event, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main()
