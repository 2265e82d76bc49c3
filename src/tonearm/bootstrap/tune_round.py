"""Composes one measured round: the real queue, supervisor, children and database, in a folder that is removed."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from tonearm.analysis.catalog import versions
from tonearm.bootstrap.library import Library
from tonearm.bootstrap.servers import job_queue
from tonearm.bootstrap.tune_place import Place
from tonearm.events.bus import EventBus
from tonearm.events.event import Event
from tonearm.events.facts import JobFinished
from tonearm.jobs.intake import Intake
from tonearm.library.files import FileChange, ScannedFile
from tonearm.library.found_file import FoundFile
from tonearm.library.roots import Roots
from tonearm.names import PathMap
from tonearm.settings import Level, Settings
from tonearm.tuning.measured import Round
from tonearm.tuning.occupancy import Occupancy
from tonearm.tuning.reading import drop
from tonearm.tuning.sample import SampleFile
from tonearm.tuning.watch import Watch
from tonearm.worker.limits import allow_files
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor
from tonearm.worker.task import Task

WORKER = "tune"
BYTES_A_SECOND = 50e6
"""More than a child gets through in a second: the queue must not be empty before a round ends."""
LEAST_FILE_S = 0.02
MOST_COPIES = 50


def measure_round(
    place: Place,
    settings: Settings,
    sample: Sequence[SampleFile],
    workers: int,
    seconds: float,
    at_most_s: float,
    cold: bool,
    stopping: Callable[[], bool],
) -> tuple[Round | None, list[str]]:
    """Have ``workers`` children analyse files for some seconds, or up to ``at_most_s`` where few were finished by then.

    Returns what was measured, ``None`` where not every child got a file, and why files failed.
    """
    copies = _copies(sample, workers, max(seconds, at_most_s))
    with (
        place.library(settings, workers, copies) as library,
        contextlib.closing(StopSwitch()) as stop,
        contextlib.closing(EventBus()) as bus,
    ):
        run = _fill(library, sample, copies)
        occupancy = Occupancy(workers, copies * len(sample))
        bus.subscribe(occupancy, "the measurement")
        if cold:
            _forget_what_was_read(sample, bus, PathMap(library.settings.path_map))
        watch = Watch(occupancy, seconds, at_most_s, stop, stopping)
        with watch:
            _supervisor(library, run, bus, stop).work(Task(run, lambda _: True, lambda: None))
        window = occupancy.window(watch.ended_at)
        if window is None:
            return None, occupancy.failures
        paths = PathMap(library.settings.path_map)
        return _round(workers, cold, window, occupancy, watch, paths), occupancy.failures


def _copies(sample: Sequence[SampleFile], workers: int, seconds: float) -> int:
    """How often each file has to be in the queue, so that this is not empty before the round ends."""
    file_s = max(LEAST_FILE_S, sum(file.size for file in sample) / len(sample) / BYTES_A_SECOND)
    jobs = workers * (2 + seconds / file_s)
    return max(1, min(MOST_COPIES, round(jobs / len(sample) + 0.5)))


def _fill(library: Library, sample: Sequence[SampleFile], copies: int) -> int:
    """Put the files into the queue, each several times: a file has one open job, so each copy has a root of its own."""
    run = library.runs.open([b"/"])
    intake = Intake(library.database, versions(), (), library.settings.ageing_s)
    for number in range(copies):
        root = Roots(library.database, PathMap((f"/{number}=/",))).ensure(b"/").root
        files = [
            ScannedFile(FoundFile(file.path[1:], file.size, 1, 0, file.extension), FileChange.NEW)
            for file in sample
        ]
        intake.record(run, root, files, Level.NORMAL, fresh=True)
    library.runs.mark_scanned(run)
    return run


def _forget_what_was_read(sample: Sequence[SampleFile], bus: EventBus, paths: PathMap) -> None:
    """Have files come from the disk: those of the sample now, and each again after it was analysed."""
    for file in sample:
        drop(file.path)

    def forget(event: Event) -> None:
        if isinstance(event, JobFinished):
            drop(paths.here(event.job.path))

    bus.subscribe_queued(forget, "the kernel's memory", close_s=1.0)


def _supervisor(library: Library, run: int, bus: EventBus, stop: StopSwitch) -> Supervisor:
    allow_files(library.settings.workers)
    return Supervisor(
        library.job_store,
        job_queue(None, library.job_store, WORKER, run),
        library.runs,
        library.settings,
        versions(),
        WORKER,
        MountGuard(PathMap(library.settings.path_map), library.job_store.sample_paths),
        None,
        bus,
        stop,
    )


def _round(
    workers: int,
    cold: bool,
    window: tuple[float, float],
    occupancy: Occupancy,
    watch: Watch,
    paths: PathMap,
) -> Round:
    return Round(
        workers=workers,
        window_s=window[1] - window[0],
        busy=occupancy.busy_share(window),
        works=[replace(work, path=paths.here(work.path)) for work in occupancy.finished_in(window)],
        cpu=watch.after.since(watch.before),
        child=watch.child,
        parent=watch.parent,
        start_s=max(occupancy.start_s, default=0.0),
        cold=cold,
    )


def preload(sample: Sequence[SampleFile], stopping: Callable[[], bool]) -> list[SampleFile]:
    """Read files, so that the kernel keeps them in memory, until ``stopping``; returns those that were read."""
    read: list[SampleFile] = []
    for file in sample:
        with contextlib.suppress(OSError), open(file.path, "rb", buffering=0) as opened:
            while opened.read(1 << 20):
                if stopping():
                    return read
            read.append(file)
    return read
