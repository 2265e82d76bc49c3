"""Record a run: ``tonearm analyze FOLDER --json | python -m tests.recorded_runs.record > NAME.jsonl``.

Keeps the data for estimating the remaining time, with seconds since the start; no file names.
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

KEPT = {
    "run_started": ("workers", "workload", "cost"),
    "job_started": ("job", "extension", "size"),
    "stage_reached": ("job", "stage", "fraction"),
    "job_retrying": ("job",),
    "job_returned": ("job", "state"),
    "job_finished": ("job", "state", "extension", "size", "run_s", "decoded_s"),
    "summary": ("discovered", "done", "partial", "skipped", "failed", "pending"),
}


def recorded(events: Iterator[tuple[float, Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Of events with the moments at which they were read those that are kept, with the moment since the first."""
    began: float | None = None
    for moment, event in events:
        name = event["event"]
        if began is None and name == "run_started":
            began = moment
        if began is not None and name in KEPT:
            yield {"t": round(moment - began, 3), "event": name} | {key: event[key] for key in KEPT[name]}


def main() -> None:
    """Read events from standard input as they come."""
    events = ((time.monotonic(), json.loads(line)) for line in sys.stdin)
    for event in recorded(events):
        print(json.dumps(event, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main()
