"""The remaining time of a run, as a range, from the files that have ended and from those that the library decoded
before.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tonearm.events.states import Decoded, Workload
from tonearm.progress.cost_model import CostModel, Lengths
from tonearm.progress.open_files import OpenFiles
from tonearm.progress.schedule import Batch, makespan
from tonearm.progress.slots import Slots
from tonearm.progress.slowness import DRIFT

LEVELS = ("critical", "high", "normal", "low", "background")
SURE_FRACTION = 0.1
"""Decoded share at which a file's own speed counts as much as what other files let expect."""
END_SHARE = 0.02
"""Share of its time that a file is still expected to take when it takes longer than expected."""
PRIOR_FILES = 16.0
"""Weight of the first estimate that every file has to be decoded, in files."""
LEAST_S = 0.01
"""Less audio than this counts as none."""
OTHER_FIXED_S = 0.05
"""Seconds of work on a file that is not decoded, until one was seen."""
MOST_DRIFT = 0.2
"""Most standard deviation by which the speed of the machine is expected to change in the rest of a run."""
OTHER_SPREAD = 0.15
"""Standard deviation of what the model does not know, such as copies and failures that come together."""
QUANTILE = 1.28
"""Standard deviations to either side of a range that holds four fifths of a normal distribution."""


@dataclass(frozen=True, slots=True)
class FileInProgress:
    """A file that a child has. ``elapsed_s``: for how long.

    fraction: share that is decoded, where known. It was reported ``reported_s`` seconds ago, after ``decoding_s``
    seconds of decoding.
    """

    extension: str
    size: int
    elapsed_s: float
    fraction: float | None = None
    reported_s: float = 0.0
    decoding_s: float = 0.0
    level: str = "normal"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is left of a run.

    seconds: until the last file ends; ``low_s`` to ``high_s``: the range in which that is expected in four of five
    cases. files: that have not ended. audio_s: seconds of audio in them, as far as they will be decoded.
    """

    seconds: float
    low_s: float
    high_s: float
    files: int
    audio_s: float


@dataclass(slots=True)
class _Outcomes:
    """Files of one format that have ended: decoded or not, and the work on those that were not."""

    decoded: int = 0
    other: int = 0
    other_bytes: float = 0.0
    other_work_s: float = 0.0


@dataclass(slots=True)
class _Sum:
    """Expected work, and the sums from which its variance follows."""

    total_s: float = 0.0
    audio_s: float = 0.0
    common: dict[str, float] = field(default_factory=dict)
    single: float = 0.0

    def add(
        self, extension: str, files: int, audio_s: float, work_s: float, common: float, single: float
    ) -> None:
        self.total_s += files * work_s
        self.audio_s += files * audio_s
        self.common[extension] = self.common.get(extension, 0.0) + files * work_s * math.sqrt(common)
        self.single += files * work_s**2 * math.expm1(min(single, 1.0))

    @property
    def variance(self) -> float:
        """Variance of the sum, relative to its square, without that of the machine's speed."""
        if not self.total_s:
            return 0.0
        return (sum(one**2 for one in self.common.values()) + self.single) / self.total_s**2


class Eta:
    """Predicts when the last file of a run ends, from the files that have ended."""

    def __init__(
        self,
        workload: Mapping[str, Sequence[Workload]],
        learned: Mapping[str, Sequence[Decoded]],
        workers: int,
        run: int | None = None,
    ) -> None:
        """``workload``: files to be done, ``learned``: files that were decoded before; both by extension.

        run: the run of the workload; what it decoded before is known to be under the present load.
        """
        self.workers = workers
        lengths = Lengths.of(
            (name, load.files, load.size / load.files)
            for name, several in workload.items()
            for load in several
            if load.files
        )
        self._model = CostModel(
            ((name, one) for name, several in learned.items() for one in several), lengths, run
        )
        self._outcomes: dict[str, _Outcomes] = {}
        self._slots = Slots()
        self._observed_at: float | None = None
        self._ahead_s = 0.0
        self._work_s = self._lost_s = 0.0
        self._left = OpenFiles(workload)

    def dropped(self, extension: str, size: int, level: str = "normal") -> None:
        """Leave a file out that will not be analysed."""
        self._left.remove(extension, size, level)

    def finished(
        self, extension: str, size: int, work_s: float, decoded_s: float, level: str = "normal"
    ) -> None:
        """Add a file that has ended after ``work_s`` seconds; ``decoded_s`` is 0 if it was not decoded."""
        copy = self._left.remove(extension, size, level, decoded=decoded_s >= LEAST_S)
        outcomes = self._outcomes.setdefault(extension, _Outcomes())
        self._work_s += work_s
        if decoded_s >= LEAST_S:
            outcomes.decoded += 1
            self._model.learn(extension, size, work_s, decoded_s)
        else:
            outcomes.other += not copy
            outcomes.other_bytes += size
            outcomes.other_work_s += work_s

    def repeated(self, work_s: float) -> None:
        """Add an attempt that failed after ``work_s`` seconds and will be repeated."""
        self._lost_s += work_s

    def observe(self, at: float, running: int, working: bool = True) -> None:
        """Tell how many files are running from now on, by a monotonic clock. ``working``: whether jobs are taken."""
        waiting = self.files_left > running
        if self._observed_at is not None and working:
            self._model.slowness.passed(max(0.0, at - self._observed_at))
        self._observed_at = at
        self._slots.observe(at, running, self.workers if working and waiting else 0)

    @property
    def files_left(self) -> int:
        """Number of files that have not ended."""
        return self._left.files

    @property
    def idle_share(self) -> float:
        """Share of the slots that had no file while files waited."""
        return 1 - self._slots.share

    def estimate(self, running: Iterable[FileInProgress]) -> Estimate | None:
        """What is left; ``None`` while no cost is known or there is no worker.

        running: files that children have, none of which has ended.
        """
        files = self.files_left
        if self.workers < 1:
            return None
        running = list(running)
        if not files and not running:
            return Estimate(0.0, 0.0, 0.0, 0, 0.0)
        if not self._model.known:
            return None
        slowness = self._model.slowness.ahead(self._ahead_s)  # it depends on how far ahead the end is
        seconds, work, running_s, audio_s = self._planned(running, slowness)
        self._ahead_s = seconds
        spread = self._spread(work, running_s, seconds)
        return Estimate(seconds, seconds * math.exp(-spread), seconds * math.exp(spread), files, audio_s)

    def _planned(
        self, running: Sequence[FileInProgress], slowness: float
    ) -> tuple[float, _Sum, float, float]:
        """Seconds until the end; the work of waiting files; work and seconds of audio of running ones."""
        left = self._left.copy()
        running_s, audio_s = [], 0.0
        for file in running:
            left.remove(file.extension, file.size, file.level)
            own_s, own_audio_s = self._left_of(file, self._model.slowness.now)
            running_s.append(own_s)
            audio_s += own_audio_s
        batches, work = self._waiting(left, slowness)
        seconds = makespan(self.workers, running_s, batches)
        if batches:
            seconds /= self._slots.share
        return seconds, work, sum(running_s), audio_s + work.audio_s

    def _waiting(self, left: OpenFiles, slowness: float) -> tuple[list[Batch], _Sum]:
        batches, work = [], _Sum()
        more = 1 + self._lost_s / self._work_s if self._work_s else 1.0
        for one in left:
            expected = self._model.predict(one.extension, one.mean_size, slowness, one.files)
            share, doubt = self._decoded_share(one.extension)
            share *= (one.files - one.copies) / one.files
            other_s = self._other_s(one.extension, one.mean_size)
            work_s = (share * expected.work_s + (1 - share) * other_s) * more
            batches.append(Batch(_rank(one.level), one.files, work_s))
            work.add(
                one.extension,
                one.files,
                share * expected.audio_s,
                work_s,
                expected.common + doubt,
                expected.single,
            )
        return batches, work

    def _left_of(self, file: FileInProgress, slowness: float) -> tuple[float, float]:
        """Seconds of work and of audio that a running file still needs."""
        expected = self._model.predict(file.extension, file.size, slowness)
        share = file.fraction or 0.0
        left_s = max(expected.work_s - file.elapsed_s, END_SHARE * expected.work_s)
        if share:  # its own speed counts more, the more of it is decoded
            own_s = file.decoding_s * (1 - share) / share
            trust = share / (share + SURE_FRACTION)
            left_s = trust * own_s + (1 - trust) * (1 - share) * expected.work_s
            left_s = max(left_s - file.reported_s, END_SHARE * left_s)
        return left_s, expected.audio_s * (1 - share)

    def _decoded_share(self, extension: str) -> tuple[float, float]:
        """Expected share of the files that are decoded, and the variance of its logarithm; the others are copies or
        fail at once.
        """
        own = self._outcomes.get(extension, _Outcomes())
        others = [one for name, one in list(self._outcomes.items()) if name != extension]
        decoded = sum(one.decoded for one in others) + PRIOR_FILES
        everywhere = decoded / (decoded + sum(one.other for one in others))
        count = own.decoded + own.other + PRIOR_FILES
        share = (own.decoded + PRIOR_FILES * everywhere) / count
        return share, (1 - share) / (share * (count + 1))

    def _other_s(self, extension: str, size: float) -> float:
        own = self._outcomes.get(extension)
        if own is None or not own.other_bytes:
            return OTHER_FIXED_S
        return size * own.other_work_s / own.other_bytes

    def _spread(self, work: _Sum, running_s: float, seconds: float) -> float:
        """Half the width of the range, as a logarithm."""
        total_s = work.total_s + running_s
        if not total_s:
            return 0.0
        drift = min(DRIFT * math.sqrt(seconds / 3), MOST_DRIFT)
        variance = work.variance * (work.total_s / total_s) ** 2 + self._model.slowness.variance
        variance += drift**2 + OTHER_SPREAD**2
        return QUANTILE * math.sqrt(variance)


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("normal")
