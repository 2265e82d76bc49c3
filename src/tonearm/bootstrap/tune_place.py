"""Where a measured round keeps its library: in a new folder that is removed, also after its process was killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tonearm.bootstrap.library import Library, open_library
from tonearm.settings import Settings

PREFIX = ".tonearm-tune-"
ABANDONED_S = 10.0
"""Seconds after which a folder that no process has locked belongs to one that was killed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a round keeps its library: a new folder in this one; ``None``: the system's folder for temporary files."""

    folder: Path | None

    @contextlib.contextmanager
    def library(self, settings: Settings, workers: int, copies: int) -> Iterator[Library]:
        """An empty library, which is removed at the end. ``copies``: see ``_fill``."""
        within = self.folder or Path(tempfile.gettempdir())
        remove_abandoned(within)
        with (
            tempfile.TemporaryDirectory(prefix=PREFIX, dir=within, ignore_cleanup_errors=True) as folder,
            _locked(folder),
        ):
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


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_abandoned(within: Path) -> None:
    """Remove the folders that were left behind by processes that were killed."""
    for folder in within.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < ABANDONED_S:
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)


def temporary_place(settings: Settings) -> Place:
    """Where rounds keep their libraries: in the data folder, whose disk counts, or where temporary files are."""
    folder = settings.data_dir
    usable = settings.database_url is None and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    return Place(folder if usable else None)
