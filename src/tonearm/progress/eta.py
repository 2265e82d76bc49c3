"""The remaining time of a run, from the files that the library decoded last and from those of the run itself.

Work is proportional to the seconds of audio. Before a file is decoded only its size is known, so each format needs two
numbers: seconds of audio per byte, and seconds of work per byte. Both begin as an estimate, and every decoded file
corrects them. A format without a decoded file is estimated from the others through its typical bit rate.

Workload: number and bytes of the files to be done. Cost: seconds of work per byte; the mean over the last 2,000 files
that the library decoded, on any host. Pace: seconds of work per second of audio.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tonearm.events.states import Workload

TYPICAL_BYTES_PER_S = {
    "aif": 176_000,
    "aifc": 176_000,
    "aiff": 176_000,
    "flac": 105_000,
    "m4a": 32_000,
    "m4b": 12_000,
    "mp3": 28_000,
    "oga": 22_000,
    "ogg": 22_000,
    "opus": 18_000,
    "wav": 176_000,
    "wma": 24_000,
}
"""Usual number of bytes per second of audio, by file extension."""
OTHER_BYTES_PER_S = 32_000
PRIOR_AUDIO_S = 600.0
"""Weight of the first estimate: that of this number of seconds of decoded audio."""
HALF_LIFE_AUDIO_S = 3600.0
"""Seconds of decoded audio after which the weight of a file is halved, because the load of a machine changes."""
PRIOR_SHARE_AUDIO_S = 300.0
"""Weight of the first estimate that every file has to be decoded, in seconds of decoded audio."""
SURE_FRACTION = 0.1
"""Decoded share from which a file's own progress predicts its remaining time, instead of the other files."""


@dataclass(frozen=True, slots=True)
class FileInProgress:
    """A file that a child has. ``elapsed_s``: for how long; ``fraction``: share that is decoded, where known."""

    extension: str
    size: int
    elapsed_s: float
    fraction: float | None = None


@dataclass(slots=True)
class _Format:
    """The files of one format: those that are left, and the work of those that have ended.

    cost: seconds of work per byte, if known before the run. expectation: share of the weight of the first estimate that
    is left, 1 to 0. other_bytes, other_work_s: of files that were not decoded.
    """

    bytes_per_s: float
    cost: float | None = None
    files_left: int = 0
    bytes_left: int = 0
    decoded_bytes: float = 0.0
    decoded_s: float = 0.0
    work_s: float = 0.0
    expectation: float = 1.0
    other_bytes: float = 0.0
    other_work_s: float = 0.0

    @property
    def audio_per_byte(self) -> float:
        """Seconds of audio per byte."""
        weight_s = PRIOR_AUDIO_S * self.expectation
        return (self.decoded_s + weight_s) / (self.decoded_bytes + weight_s * self.bytes_per_s)

    def work_per_byte(self, pace: float | None) -> float | None:
        """Seconds of work per byte of a file that is decoded. ``pace``: seconds of work per second of audio."""
        if self.cost is not None:
            expected = self.cost
        elif pace is not None:
            expected = pace * self.audio_per_byte
        else:
            return None
        weight = PRIOR_AUDIO_S * self.expectation * self.bytes_per_s
        return (self.work_s + expected * weight) / (self.decoded_bytes + weight)

    def learn(self, size: int, work_s: float, decoded_s: float) -> None:
        """Add a decoded file; the weight of earlier files decreases."""
        keep = 0.5 ** (decoded_s / HALF_LIFE_AUDIO_S)
        self.expectation *= keep
        self.decoded_bytes = self.decoded_bytes * keep + size
        self.decoded_s = self.decoded_s * keep + decoded_s
        self.work_s = self.work_s * keep + work_s

    @property
    def decoded_share(self) -> float:
        """Share of the bytes that have to be decoded; the others are copies, or fail at once."""
        weight = PRIOR_SHARE_AUDIO_S * self.bytes_per_s
        return (self.decoded_bytes + weight) / (self.decoded_bytes + self.other_bytes + weight)


class Eta:
    """Predicts when the last file of a run ends, from the files that have ended."""

    def __init__(self, workload: Mapping[str, Workload], cost: Mapping[str, float], workers: int) -> None:
        """``workload``: files to be done, and ``cost``: seconds of work per byte; both by extension."""
        self.workers = workers
        self._formats: dict[str, _Format] = {}
        for extension, load in workload.items():
            known = self._format(extension)
            known.files_left, known.bytes_left = load.files, load.size
        for extension, seconds in cost.items():
            self._format(extension).cost = seconds

    def dropped(self, extension: str, size: int) -> None:
        """Leave a file out that will not be analysed."""
        known = self._format(extension)
        known.files_left = max(0, known.files_left - 1)
        known.bytes_left = max(0, known.bytes_left - size)

    def finished(self, extension: str, size: int, work_s: float, decoded_s: float) -> None:
        """Add a file that has ended after ``work_s`` seconds; ``decoded_s`` is 0 if it was not decoded."""
        self.dropped(extension, size)
        known = self._format(extension)
        if decoded_s > 0:
            known.learn(size, work_s, decoded_s)
        else:
            known.other_bytes += size
            known.other_work_s += work_s

    def seconds(self, running: Iterable[FileInProgress]) -> float | None:
        """Seconds until the last file ends; ``None`` while no cost is known or there is no worker.

        running: files that children have, none of which has ended.
        """
        if self.workers < 1:
            return None
        pace = self._pace()
        total = longest = 0.0
        waiting = {name: (known.files_left, known.bytes_left) for name, known in self._formats.items()}
        for file in running:
            left = self._left_of(file, pace)
            if left is None:
                return None
            files, size = waiting.get(file.extension, (0, 0))
            waiting[file.extension] = (max(0, files - 1), max(0, size - file.size))
            total += left
            longest = max(longest, left)
        for name, (files, size) in waiting.items():
            if not size:
                continue
            known = self._formats[name]
            per_byte = known.work_per_byte(pace)
            if per_byte is None:
                return None
            total += size * (per_byte * known.decoded_share + self._other_per_byte(known))
            longest = max(longest, size * per_byte / max(files, 1))
        return max(total / self.workers, longest)

    def _format(self, extension: str) -> _Format:
        typical = TYPICAL_BYTES_PER_S.get(extension, OTHER_BYTES_PER_S)
        return self._formats.setdefault(extension, _Format(typical))

    def _pace(self) -> float | None:
        """Seconds of work per second of audio over all formats: of this run, else of earlier runs."""
        decoded_s = sum(known.decoded_s for known in self._formats.values())
        if decoded_s:
            return sum(known.work_s for known in self._formats.values()) / decoded_s
        earlier = [
            known.cost * known.bytes_per_s for known in self._formats.values() if known.cost is not None
        ]
        return sum(earlier) / len(earlier) if earlier else None

    def _other_per_byte(self, known: _Format) -> float:
        total = known.decoded_bytes + known.other_bytes
        return known.other_work_s / total if total else 0.0

    def _left_of(self, file: FileInProgress, pace: float | None) -> float | None:
        """Seconds of work that a file still needs."""
        if file.fraction is not None and file.fraction >= SURE_FRACTION:
            return file.elapsed_s * (1 - file.fraction) / file.fraction
        per_byte = self._format(file.extension).work_per_byte(pace)
        return None if per_byte is None else max(0.0, file.size * per_byte - file.elapsed_s)
