"""Runs the real ``tonearm doctor`` in an environment with planted faults."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.variables import other_variables

MAIN = "from tonearm.bootstrap import doctor; doctor.LIMIT_S = 100.0; from tonearm.cli import main; main()"
"""The command, which gives a busy machine the time that it needs."""
STATUSES = {"fact": 0, "warning": 1, "error": 2}


@dataclass(frozen=True)
class Examination:
    """What the command said: its exit status, and each diagnosis; without those of slowness."""

    status: int
    found: list[dict[str, Any]]

    @property
    def ids(self) -> set[str]:
        """The ids of everything that is no fact."""
        return {each["id"] for each in self.found if each["severity"] != "fact"}

    def of(self, name: str) -> dict[str, Any]:
        """The diagnosis with this id."""
        return next(each for each in self.found if each["id"] == name)


def doctor(data: Path, *planted: str, **environment: str) -> Examination:
    """Call the command. ``planted``: statements of Python that its process runs before it."""
    program = "; ".join([*planted, MAIN]) if planted else MAIN
    ended = subprocess.run(
        [sys.executable, "-c", program, "doctor", "--json", "--data", str(data)],
        env={
            **other_variables(),
            "TONEARM_CONFIG": os.devnull,
            "TONEARM_WORKERS": "0",
            "TONEARM_CONNECT_TIMEOUT_S": "30",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.stderr == "", ended.stderr
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    for each in found:
        assert set(each) == {"id", "severity", "subject", "detail", "remedy"}
        assert (each["remedy"] is None) == (each["severity"] == "fact"), each
    assert ended.returncode == _status(found), found
    # a busy machine answers late
    found = [each for each in found if not each["id"].endswith((".slow", "sync-slow"))]
    return Examination(_status(found), found)


def _status(found: Iterable[dict[str, Any]]) -> int:
    return max((STATUSES[each["severity"]] for each in found), default=0)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every name below a folder with the bytes of the file; ``None`` for a folder."""

    def names() -> Iterable[Path]:
        return folder.rglob("*") if folder.exists() else ()

    return {str(path): path.read_bytes() if path.is_file() else None for path in names()}
