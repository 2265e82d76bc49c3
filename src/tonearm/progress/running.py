"""A file that a child has, as the live view keeps it."""

from dataclasses import dataclass

from tonearm.events.job_ref import JobRef
from tonearm.progress.eta import FileInProgress


@dataclass(slots=True)
class Running:
    """A file that a child has. ``remote``: a child of another worker.

    since: when it began; reported: when its stage or share was reported last; decoding: when its decoding began. All by
    the clock of the view.
    """

    job: JobRef
    since: float
    remote: bool = False
    stage: str = "start"
    fraction: float | None = None
    reported: float = 0.0
    decoding: float = 0.0

    def reach(self, stage: str, fraction: float | None, at: float) -> None:
        """Note how far the file is."""
        if self.fraction is None and fraction is not None:
            self.decoding = at
        self.stage, self.fraction, self.reported = stage, fraction, at

    def in_progress(self, now: float) -> FileInProgress:
        """The file as the estimate needs it."""
        job = self.job
        return FileInProgress(
            job.extension,
            job.size,
            now - self.since,
            self.fraction,
            now - self.reported,
            self.reported - self.decoding,
            job.level,
        )
