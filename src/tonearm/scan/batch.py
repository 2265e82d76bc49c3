"""Found files that were compared with the library and are recorded together."""

import time
from dataclasses import dataclass, field

from tonearm.jobs.intake import Intake
from tonearm.library.files import FileChange, KnownFile, ScannedFile
from tonearm.library.found_file import FoundFile

FILES = 2000
UNCHANGED = 10_000
"""Number of files of which nothing but a job is written at a time."""
RECORD_S = 1.0
"""Seconds after which an incomplete batch is recorded, so that its files can be analysed during the scan."""


@dataclass(slots=True)
class Batch:
    """Compared files that are recorded together.

    unchanged: ids of those that need only a job. settled: number of those that only have to be counted.
    """

    files: list[ScannedFile] = field(default_factory=list)
    unchanged: list[tuple[int, FoundFile]] = field(default_factory=list)
    settled: int = 0
    until: float = field(default_factory=lambda: time.monotonic() + RECORD_S)

    @property
    def due(self) -> bool:
        """Whether to record it now."""
        return len(self.files) >= FILES or len(self.unchanged) >= UNCHANGED or time.monotonic() > self.until

    def took(self, found: FoundFile, known: KnownFile, intake: Intake) -> bool:
        """Add a file of whose row nothing changes, if it is one; returns whether it is."""
        if intake.is_settled(found, known):
            self.settled += 1
        elif intake.needs_only_job(found, known):
            self.unchanged.append((known.id, found))
        else:
            return False
        return True


def compare(found: FoundFile, known: KnownFile | None) -> ScannedFile:
    """A found file, and how it differs from what is known."""
    if known is None:
        return ScannedFile(found, FileChange.NEW)
    return ScannedFile(found, FileChange.UNCHANGED if known.is_same(found) else FileChange.CHANGED, known)
