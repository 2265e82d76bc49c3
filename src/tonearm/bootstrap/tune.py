"""Composes `tonearm tune`: chooses files, measures rounds, reading and servers within some seconds."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from tonearm.bootstrap.database import open_database
from tonearm.bootstrap.scanning import patterns_of
from tonearm.bootstrap.tune_place import temporary_place
from tonearm.bootstrap.tune_round import measure_round, preload
from tonearm.bootstrap.tune_servers import measure_servers
from tonearm.errors import ConfigurationError, LibraryInUse, NotFound
from tonearm.library.data_folder import require_library
from tonearm.library.files import Files
from tonearm.library.process_lock import analysing_process
from tonearm.names import PathMap, printable
from tonearm.settings import Settings
from tonearm.settings.machine import CHILD_MB, WORKER_MB, this_machine
from tonearm.tuning.measured import Measured, Round
from tonearm.tuning.plan import (
    FROM_MEMORY,
    ROUND_COST_S,
    Budget,
    candidates,
    contenders,
    least_measured,
    most_workers,
)
from tonearm.tuning.reading import measure_reading
from tonearm.tuning.sample import SampleFile, bundled, found_below, ordered, still_there

FILES, FILES_A_CORE = 64, 24
"""Number of files that are chosen, or so many for each core where that is more."""
READERS = 4
READING_SHARE = 0.05
"""Share of the seconds that each of two measurements of reading may take."""
PRELOADED_MB = 2000
LONGER = 3
"""A round in which few files were finished lasts up to so many times as long, if there is time."""

Tell = Callable[[str], None]
"""Shows what is being measured."""


def refuse_while_analysing(settings: Settings) -> None:
    """Raise LibraryInUse while a process analyses with the library: each would disturb the other."""
    if settings.database_url is None and (process := analysing_process(settings.data_dir)) is not None:
        raise LibraryInUse(
            f"process {process} is analysing with the library in {settings.data_dir}; "
            "measure when it has ended, as each would slow the other down"
        )


def chosen_files(
    settings: Settings, paths: Sequence[bytes], stopping: Callable[[], bool]
) -> tuple[list[SampleFile], str]:
    """The files to measure with, and where they are from.

    Raises:
        NotFound: there is no music in the folders that were given, or no folder was given and no library is there.
        StorageError: the library can't be read.
    """
    count = max(FILES, FILES_A_CORE * this_machine().cores)
    if paths:
        try:
            below = found_below(paths, patterns_of(settings), count, stopping)
        except OSError as error:
            raise ConfigurationError(
                f"{printable(os.fsencode(error.filename or b''))}: {error.strerror}"
            ) from error
        if not below:
            raise NotFound(f"there is no music in {', '.join(map(printable, paths))}")
        return ordered(below), ", ".join(map(printable, paths))
    if known := ordered(_of_the_library(settings, count)):
        return known, "the library"
    samples = bundled()
    if samples is None:
        raise NotFound("the library has no file that could be measured; name a folder of music")
    found = ordered(found_below([samples], patterns_of(settings), count, stopping))
    return (
        found,
        f"{printable(samples)}, as no library has files: name a folder of your own music for better advice",
    )


def _of_the_library(settings: Settings, count: int) -> list[SampleFile]:
    if settings.database_url is None:
        try:
            require_library(settings.data_dir)
        except NotFound:
            return []
    paths = PathMap(settings.path_map)
    with open_database(settings) as database:
        return still_there(paths.here(path) for path in Files(database).spread(count))


@dataclass(slots=True)
class Measurements:
    """Measures within some seconds, and tells what is being measured."""

    settings: Settings
    sample: Sequence[SampleFile]
    seconds: float
    tell: Tell
    stopping: Callable[[], bool]
    _rounds: list[Round] = field(default_factory=list)
    _failures: list[str] = field(default_factory=list)
    _began: float = 0.0

    def run(self) -> Measured:
        """Measure everything; what is left out after a stop is missing in the answer.

        Raises:
            NotFound: no file could be analysed.
        """
        self._began = began = time.monotonic()
        servers = list(measure_servers(self.settings, self.tell, self.stopping))
        self.tell("reading")
        paths = [file.path for file in self.sample]
        reading = measure_reading(paths, READING_SHARE * self.seconds, READERS, self.stopping)
        left_s = self.seconds - (time.monotonic() - began)
        self._measure_workers(max(0.0, left_s))
        measured = self._measured()
        if not any(each.works for each in measured.rounds) and not self.stopping():
            why = (
                f": {self._failures[-1]}"
                if self._failures
                else f" within {self.seconds:g} s; give it more --seconds"
            )
            raise NotFound(f"none of the files could be analysed{why}")
        return replace(measured, reading=reading, servers=servers, elapsed_s=time.monotonic() - began)

    def _measured(self) -> Measured:
        machine = this_machine()
        found = Measured(
            self.settings,
            machine,
            len(self.sample),
            sum(file.size for file in self.sample),
            tuple(self._rounds),
            failures=tuple(self._failures),
        )
        child_mb, parent_mb = found.child.own_mb or CHILD_MB, found.parent.own_mb or WORKER_MB
        return replace(found, most_workers=most_workers(machine.memory_mb, parent_mb, child_mb))

    def _measure_workers(self, seconds: float) -> None:
        """Each number of workers once, then the fastest again and again, then one of them with files from memory."""
        began = time.monotonic()
        measured = self._measured()
        now = self.settings.workers
        wanted = candidates(measured.cores, now, measured.most_workers)
        window_s = Budget(seconds).window_s(len(wanted))
        round_s = window_s + ROUND_COST_S
        until = began + seconds - FROM_MEMORY * round_s
        for workers in (*wanted, wanted[0]):  # the first round may wait for programs to be read
            if self._rounds and (time.monotonic() > until or workers > self._measured().most_workers):
                break
            self._round(workers, window_s)
        while not self.stopping() and time.monotonic() + round_s < until:
            speeds = self._measured().speeds()
            if not (among := contenders(speeds, now)):
                return
            self._round(least_measured(speeds, among), window_s)
        self._measure_from_memory(window_s, began + seconds)

    def _measure_from_memory(self, window_s: float, until: float) -> None:
        speeds = self._measured().speeds()
        if not speeds or time.monotonic() > until:
            return
        best = max(speeds, key=lambda workers: speeds[workers].median)
        self.tell("reading files into memory")
        latest = until - window_s
        read = preload(
            _first(self.sample, PRELOADED_MB), lambda: self.stopping() or time.monotonic() > latest
        )
        for _ in range(FROM_MEMORY):
            if read and time.monotonic() < until:
                self._round(best, window_s, read)

    def _round(self, workers: int, window_s: float, from_memory: Sequence[SampleFile] | None = None) -> None:
        if self.stopping():
            return
        cold = from_memory is None
        source = "" if cold else ", read from memory"
        self.tell(f"{workers} {'worker' if workers == 1 else 'workers'}{source}")
        sample = self.sample if from_memory is None else from_memory
        left_s = min(LONGER * window_s, self._began + self.seconds - time.monotonic() - ROUND_COST_S)
        place = temporary_place(self.settings)
        found, failures = measure_round(
            place, self.settings, sample, workers, window_s, left_s, cold, self.stopping
        )
        self._failures += failures
        if found is not None and not self.stopping():
            self._rounds.append(found)


def _first(sample: Sequence[SampleFile], most_mb: float) -> list[SampleFile]:
    """The first files, up to so many megabytes together, one at least."""
    return list(_within(sample, most_mb * 1e6)) or list(sample[:1])


def _within(sample: Sequence[SampleFile], room: float) -> Iterator[SampleFile]:
    for file in sample:
        room -= file.size
        if room < 0:
            return
        yield file
