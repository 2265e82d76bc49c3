"""The summary of a run, from what the library has counted and the live view has seen."""

from collections.abc import Mapping

from tonearm.events.facts import Slow, Summary
from tonearm.events.states import RunState
from tonearm.jobs.runs import Runs
from tonearm.progress.live import LiveView


def summary_of(
    runs: Runs,
    view: LiveView,
    run: int,
    elapsed_s: float,
    decoded_s: float,
    interrupted: bool,
    unread: int = 0,
) -> Summary:
    """The summary of a run at this moment. Raises StorageError."""
    counts = runs.counts(run)
    states: Mapping[int, RunState] = runs.states([run])
    return Summary(
        run=run,
        discovered=counts.discovered,
        done=counts.done,
        partial=counts.partial,
        skipped=counts.skipped,
        failed=counts.failed,
        pending=counts.pending,
        elapsed_s=elapsed_s,
        decoded_s=decoded_s,
        interrupted=interrupted,
        unread=unread,
        left_out=runs.left_out(run),
        cancelled=states[run] == RunState.CANCELLED,
        slowest=tuple(Slow(path, elapsed, decoded) for elapsed, path, decoded in view.slowest),
    )
