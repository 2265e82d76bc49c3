"""The one line of ``tonearm status --check``, in the form of the plugins of Nagios and its relatives.

``STATUS - text | perfdata``: the worst problem decides the status, the text names every problem, and perfdata has the
figures, each as ``label=value[unit];warning``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from tonearm.jobs.job import JobState
from tonearm.names import from_document, printable
from tonearm.telemetry.probes import Check, Status
from tonearm.views.queue_figures import PAUSED, Figures
from tonearm.views.workers import WorkerView

WAIT_LIMITS_S = {"critical": 60.0, "high": 900.0, "normal": 21_600.0}
"""By level, the seconds that a job may wait before there is a warning: the service levels of the queue."""


class CheckStatus(IntEnum):
    """The status of a check; its number is the exit status of the command."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong. ``text``: a clause without a full stop."""

    status: CheckStatus
    text: str


@dataclass(frozen=True, slots=True)
class Situation:
    """A library and its processes at one moment.

    failed: number of files that could not be analysed. takers: number of processes that take jobs.
    resting: whether all of those rest, so that jobs wait as they are meant to.
    workers: those that have not ended, none in a library that is not shared.
    """

    shared: bool
    figures: Figures
    failed: int
    takers: int
    workers: Sequence[WorkerView] = ()
    resting: bool = False

    def count(self, *states: str) -> int:
        """The number of jobs in these states."""
        return sum(count for (_, state), count in self.figures.jobs.items() if state in states)


def line_of(problems: Sequence[Problem], summary: str, perfdata: Sequence[str]) -> tuple[CheckStatus, str]:
    """The status, and the line with it. ``summary``: the text where there is no problem."""
    status = worst(problems)
    ordered = sorted(problems, key=lambda problem: problem.status != status)
    text = "; ".join(problem.text for problem in ordered) or summary
    figures = f" | {' '.join(perfdata)}" if perfdata else ""
    return status, f"{status.name} - {printable(text).replace('|', '/')}{figures}"


def worst(problems: Sequence[Problem]) -> CheckStatus:
    """The status that problems have together: a critical one outweighs what is not known, a warning does not."""
    found = {problem.status for problem in problems}
    order = (CheckStatus.CRITICAL, CheckStatus.UNKNOWN, CheckStatus.WARNING)
    return next((status for status in order if status in found), CheckStatus.OK)


def server_problems(checks: Mapping[str, Check]) -> Iterator[Problem]:
    """What is wrong with servers and disks."""
    for name, check in checks.items():
        if check.finding.status is Status.PASS:
            continue
        failed = check.required and check.finding.status is Status.FAIL
        text = check.finding.output or "it does not work"
        yield Problem(CheckStatus.CRITICAL if failed else CheckStatus.WARNING, f"{name}: {text}")


def library_problems(situation: Situation) -> Iterator[Problem]:
    """What is wrong with the queue and the workers."""
    waiting = situation.count(JobState.QUEUED, JobState.RETRYING)
    if waiting and not situation.takers:
        jobs = f"{waiting:,} jobs wait" if waiting > 1 else "1 job waits"
        if situation.shared:
            yield Problem(CheckStatus.CRITICAL, f"{jobs} and no worker takes jobs; start `tonearm worker`")
        else:
            yield Problem(
                CheckStatus.WARNING, f"{jobs} and no process is analysing; `tonearm analyze` continues"
            )
    for level, limit_s in WAIT_LIMITS_S.items():
        oldest_s = situation.figures.oldest_s.get(level, 0.0)
        if situation.takers and not situation.resting and oldest_s > limit_s:
            text = f"a job of level {level} has been waiting for {oldest_s:,.0f} s (limit {limit_s:,.0f} s)"
            yield Problem(CheckStatus.WARNING, text)
    if situation.figures.suspects:
        files = (
            "1 file was" if situation.figures.suspects == 1 else f"{situation.figures.suspects:,} files were"
        )
        text = f"{files} being analysed more than once when a child died; see `tonearm failures --suspects`"
        yield Problem(CheckStatus.WARNING, text)
    yield from _worker_problems(situation.workers)


def _worker_problems(workers: Sequence[WorkerView]) -> Iterator[Problem]:
    lost = [worker.name for worker in workers if worker.state == "lost"]
    if lost:
        jobs = "its jobs" if len(lost) == 1 else "their jobs"
        others = f"; other workers take {jobs}" if len(lost) < len(workers) else ""
        yield Problem(CheckStatus.WARNING, f"no heartbeat from {', '.join(lost)}{others}")
    for worker in workers:
        if worker.state == "lost":
            continue
        if worker.unmounted:
            places = ", ".join(printable(from_document(path)) for path in worker.unmounted)
            yield Problem(CheckStatus.WARNING, f"not mounted or not answering on {worker.host}: {places}")
        refused = [service for service, state in worker.breakers.items() if state != "closed"]
        if refused:
            yield Problem(CheckStatus.WARNING, f"{worker.name} can't use {', '.join(refused)}")


def summary_of(situation: Situation) -> str:
    """What is going on in a library without problems."""
    waiting = situation.count(JobState.QUEUED, JobState.RETRYING)
    running = situation.count(JobState.RUNNING)
    rest = ", every worker rests" if situation.resting else ""
    return f"{waiting:,} jobs waiting, {running:,} running, {situation.failed:,} files failed{rest}"


def library_perfdata(situation: Situation) -> list[str]:
    """The figures of a library."""
    figures = situation.figures
    found = [
        f"waiting={situation.count(JobState.QUEUED)}",
        f"retrying={situation.count(JobState.RETRYING)}",
        f"running={situation.count(JobState.RUNNING)}",
        f"paused={situation.count(PAUSED)}",
        f"failed={situation.failed}",
        f"suspects={figures.suspects}",
        f"oldest={max(figures.oldest_s.values(), default=0.0):.0f}s",
    ]
    for level, oldest_s in figures.oldest_s.items():
        limit = f";{WAIT_LIMITS_S[level]:.0f}" if level in WAIT_LIMITS_S else ""
        found.append(f"oldest_{level}={oldest_s:.0f}s{limit}")
    if situation.shared:
        lost = sum(worker.state == "lost" for worker in situation.workers)
        found += [f"outbox={figures.outbox}", f"workers={len(situation.workers) - lost}", f"lost={lost}"]
    return found


def server_perfdata(checks: Mapping[str, Check]) -> list[str]:
    """How long each server needed to answer, in milliseconds, and the bytes that are left on disks."""
    return [
        f"'{name}'={check.finding.value:.15g}{check.finding.unit}"
        for name, check in checks.items()
        if check.finding.value is not None and check.finding.status is not Status.FAIL
    ]
