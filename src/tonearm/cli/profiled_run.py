"""``analyze --profile``: writes the profile of a run at its end."""

import os

from tonearm.errors import ConfigurationError
from tonearm.events.report import report
from tonearm.worker.profiler import WholeRun


class ProfiledRun:
    """A context around a run; its end writes the profile, if there is to be one, also of a run that failed.

    lines: what was written, for a person.
    """

    def __init__(self, file: str | None) -> None:
        """Raises ConfigurationError if a profile can't be written to the file."""
        self._path = None
        self.lines: list[str] = []
        self.whole_run: WholeRun | None = None
        if file is not None:
            from tonearm.cli.profile import require_writable

            self._path = os.fsencode(file)
            require_writable(self._path)
            self.whole_run = WholeRun()

    def __enter__(self) -> "ProfiledRun":
        return self

    def __exit__(self, *error: object) -> None:
        if self._path is None or self.whole_run is None or self.whole_run.profile is None:
            return
        from tonearm.cli.profile import told, written

        try:
            written(self.whole_run.profile, self._path)
        except ConfigurationError as problem:
            report(str(problem))
            return
        self.lines = told(self.whole_run.profile, self._path)
