"""Composes one measured round: the real queue, supervisor, children and database, in a folder that is removed."""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tonearm.analysis.catalog import versions
from tonearm.bootstrap.library import Library, open_library
from tonearm.bootstrap.servers import job_queue
from tonearm.events.bus import EventBus
from tonearm.events.event import Event
from tonearm.events.facts import JobFinished
from tonearm.jobs.intake import Intake
from tonearm.library.files import FileChange, FoundFile, ScannedFile
from tonearm.library.roots import Roots
from tonearm.names import PathMap
from tonearm.settings import Level, Settings
from tonearm.tuning.measured import Round
from tonearm.tuning.occupancy import Occupancy
from tonearm.tuning.processes import Memory, cpu_time, memory_of
from tonearm.tuning.reading import drop
from tonearm.tuning.sample import SampleFile
from tonearm.worker.limits import allow_files
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor, Task

WORKER = "tune"
BYTES_A_SECOND = 50e6
"""More than a child gets through in a second: the queue must not be empty before a round ends."""
LEAST_FILE_S = 0.02
MOST_COPIES = 50
LOOK_S = 0.2
FILES_A_SLOT = 2
LONGER = 3
"""A round in which fewer files were finished for each slot lasts up to so many times as long."""
FULL_S = 60.0
"""Seconds after which a round ends although a slot has not had a file yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a round keeps its library: a new folder in this one; ``None``: the system's folder for temporary files."""

    folder: Path | None

    @contextlib.contextmanager
    def library(self, settings: Settings, workers: int, copies: int) -> Iterator[Library]:
        """An empty library, which is removed at the end. ``copies``: see ``_fill``."""
        with tempfile.TemporaryDirectory(
            prefix=".tonearm-tune-", dir=self.folder, ignore_cleanup_errors=True
        ) as folder:
            chosen = Settings(
                data_dir=Path(folder),
                workers=workers,
                path_map=tuple(f"/{number}=/" for number in range(copies)),
                nice=settings.nice,
                memory_mb=settings.memory_mb,
                deadline_base_s=settings.deadline_base_s,
                deadline_speed=settings.deadline_speed,
                recycle_files=settings.recycle_files,
                recycle_mb=settings.recycle_mb,
                window_s=settings.window_s,
            )
            with open_library(chosen) as library:
                yield library


def measure_round(
    place: Place,
    settings: Settings,
    sample: Sequence[SampleFile],
    workers: int,
    seconds: float,
    cold: bool,
    stopping: Callable[[], bool],
) -> tuple[Round | None, list[str]]:
    """Have ``workers`` children analyse files for some seconds.

    Returns what was measured, ``None`` where not every child got a file, and why files failed.
    """
    copies = _copies(sample, workers, seconds)
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
        watch = _Watch(occupancy, seconds, stop, stopping)
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
        MountGuard(PathMap(library.settings.path_map), library.job_store.samples),
        None,
        bus,
        stop,
    )


class _Watch:
    """A thread that looks at the processes while all slots have files, and ends the round after some seconds."""

    def __init__(
        self, occupancy: Occupancy, seconds: float, stop: StopSwitch, stopping: Callable[[], bool]
    ) -> None:
        self._occupancy = occupancy
        self._seconds = seconds
        self._stop = stop
        self._stopping = stopping
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="measurement", daemon=True)
        self.child, self.parent = Memory(), Memory()
        self.before = self.after = cpu_time(())
        self.ended_at = 0.0

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._occupancy.full.wait(LOOK_S):
            if self._over.is_set() or self._stopping() or time.monotonic() - began > FULL_S:
                break
        self.before = self.after = cpu_time(self._children)
        full_at = time.monotonic()
        while not self._over.is_set() and not self._stopping():
            lasted_s = time.monotonic() - full_at
            if lasted_s >= self._seconds * (1 if self._occupancy.has_finished(FILES_A_SLOT) else LONGER):
                break
            self._over.wait(min(LOOK_S, max(0.01, self._seconds - lasted_s)))
            self._look()
        self.ended_at = time.monotonic()
        self._stop.request()
        self._stop.request()  # at once: the files that are being analysed are not waited for

    def _look(self) -> None:
        children = self._children
        self.parent |= memory_of("self")
        for child in children:
            self.child |= memory_of(child)
        now = cpu_time(children)
        if now.children_s >= self.after.children_s:  # else a child has ended, and its time with it
            self.after = now

    @property
    def _children(self) -> list[int]:
        return list(self._occupancy.children)


def _round(
    workers: int,
    cold: bool,
    window: tuple[float, float],
    occupancy: Occupancy,
    watch: _Watch,
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


def preload(sample: Sequence[SampleFile], stopping: Callable[[], bool]) -> None:
    """Read files, so that the kernel keeps them in memory."""
    for file in sample:
        if stopping():
            return
        with contextlib.suppress(OSError), open(file.path, "rb", buffering=0) as opened:
            while opened.read(1 << 20):
                pass


def temporary_place(settings: Settings) -> Place:
    """Where rounds keep their libraries: in the data folder, whose disk counts, or where temporary files are."""
    folder = settings.data_dir
    usable = settings.database_url is None and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return Place(folder if usable else None)
