"""Events about jobs, with default values for the fields that a test does not use."""

from typing import Any

from tonearm.events.job_ref import JobRef


def job_ref(job: int = 1, path: bytes = b"/m/a.flac", **changes: Any) -> JobRef:
    """The first attempt at a job of run 3 by worker ``here``."""
    values: dict[str, Any] = {
        "run": 3,
        "attempt": 1,
        "correlation_id": f"{job:032x}",
        "worker": "here",
        "level": "normal",
        "size": 9,
        "extension": path.rpartition(b".")[2].decode("ascii", "replace"),
    }
    return JobRef(job=job, path=path, **values | changes)
