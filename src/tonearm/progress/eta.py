"""How long a run will still take, from what this machine needed before and from what the run has shown so far.

Work is proportional to the seconds of audio. Before a file is decoded only its size is known, so each format needs two
numbers: seconds of audio per byte, and seconds of work per byte. Both begin as a guess, and every file that was decoded
corrects them. A format of which nothing was decoded yet is guessed from the others through its typical bit rate.
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
"""Bytes per second of audio as collections usually have them, by file extension."""
OTHER_BYTES_PER_S = 32_000
PRIOR_AUDIO_S = 600.0
"""How much an expectation weighs against what this run shows: as much as so many seconds of decoded audio."""
HALF_LIFE_AUDIO_S = 3600.0
"""After so many more seconds of decoded audio a file counts half: the load of a machine changes."""
PRIOR_SHARE_AUDIO_S = 300.0
"""The same for the expectation that every file has to be decoded."""
SURE_FRACTION = 0.1
"""From this share of a file on its own progress tells more than what other files needed."""


@dataclass(frozen=True, slots=True)
class FileInProgress:
    """A file that a child has. ``elapsed_s``: for how long; ``fraction``: share that is decoded, where known."""

    extension: str
    size: int
    elapsed_s: float
    fraction: float | None = None


@dataclass(slots=True)
class _Format:
    """What is known of one format: what is left of it, and what those of its files needed that have ended.

    cost: seconds of work per byte in earlier runs, where there were any. expectation: how much of the weight of what
    was expected is left.
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
        """Take note of a decoded file; what came before counts less."""
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
    """Learns from the files that end, and predicts when the last one will."""

    def __init__(self, workload: Mapping[str, Workload], cost: Mapping[str, float], workers: int) -> None:
        """``workload``: what is to be done; ``cost``: seconds of work per byte in earlier runs; by extension."""
        self.workers = workers
        self._formats: dict[str, _Format] = {}
        for extension, load in workload.items():
            known = self._format(extension)
            known.files_left, known.bytes_left = load.files, load.size
        for extension, seconds in cost.items():
            self._format(extension).cost = seconds

    def dropped(self, extension: str, size: int) -> None:
        """A file need not be waited for any more."""
        known = self._format(extension)
        known.files_left = max(0, known.files_left - 1)
        known.bytes_left = max(0, known.bytes_left - size)

    def finished(self, extension: str, size: int, work_s: float, decoded_s: float) -> None:
        """Learn from a file that came to an end after ``work_s``; ``decoded_s`` is 0 if it was not decoded."""
        self.dropped(extension, size)
        known = self._format(extension)
        if decoded_s > 0:
            known.learn(size, work_s, decoded_s)
        else:
            known.other_bytes += size
            known.other_work_s += work_s

    def seconds(self, running: Iterable[FileInProgress]) -> float | None:
        """Wall seconds until the last file ends; ``None`` while nothing is known of this machine or nobody works.

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
