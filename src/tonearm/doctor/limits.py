"""The limits that the system sets to processes of this user."""

import resource
from collections.abc import Iterator

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.settings import Settings
from tonearm.settings.machine import control_groups, read_text
from tonearm.worker.limits import files_needed

THREADS = 30
"""Threads of a worker with every server."""
THREADS_A_CHILD = 4
"""Threads that the libraries of a child start."""
LEAST_FILE_BYTES = 1 << 30
"""Size that the library's file may reach soon."""


def limits(settings: Settings) -> Iterator[Diagnosis]:
    """The limits, and those that are too low for the settings."""
    yield _open_files(settings)
    yield from _processes(settings)
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if soft != resource.RLIM_INFINITY and soft < LEAST_FILE_BYTES:
        yield Diagnosis(
            "limits.file-size",
            "size of files",
            f"no file may become larger than {soft / 1e6:,.0f} MB, so that the library can't grow",
            "raise the limit: `ulimit -f unlimited`, or LimitFSIZE in a service",
        )
    for kind, name in ((resource.RLIMIT_AS, "v"), (resource.RLIMIT_DATA, "d")):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY and soft < settings.memory_mb << 20:
            yield Diagnosis(
                "limits.memory-short",
                "memory of a process",
                f"a process may use {soft >> 20:,} MB, less than the {settings.memory_mb:,} MB of memory_mb",
                f"raise the limit (`ulimit -{name} unlimited`), or lower TONEARM_MEMORY_MB",
            )


def _open_files(settings: Settings) -> Diagnosis:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_needed(settings.workers)
    if hard != resource.RLIM_INFINITY and needed > hard:
        return Diagnosis(
            "limits.open-files-few",
            "open files",
            f"{settings.workers} workers need {needed}, and this process may have {hard}",
            "lower `workers`, or raise the limit (`ulimit -Hn`, LimitNOFILE in a service)",
        )
    allowed = "any number" if hard == resource.RLIM_INFINITY else f"{hard:,}"
    return Diagnosis("limits.open-files", "open files", f"{allowed} allowed, {needed:,} needed")


def _processes(settings: Settings) -> Iterator[Diagnosis]:
    """Of all processes of the user RLIMIT_NPROC counts threads, too; a container has a limit of its own."""
    needed = THREADS + settings.workers * (1 + THREADS_A_CHILD)
    allowed = [each for each in (_user_limit(), _container_limit()) if each is not None]
    if not allowed:
        return
    if min(allowed) < needed:
        yield Diagnosis(
            "limits.processes-few",
            "processes",
            f"{min(allowed):,} processes and threads are allowed, "
            f"and {settings.workers} children (setting `workers`) may need {needed:,}",
            "lower `workers`, or raise the limit (`ulimit -u`, TasksMax in a service, --pids-limit of a container)",
        )
    else:
        yield Diagnosis("limits.processes", "processes", f"{min(allowed):,} allowed, {needed:,} needed")


def _user_limit() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    return None if soft == resource.RLIM_INFINITY else soft


def _container_limit() -> int | None:
    """The least ``pids.max`` of the groups of this process and those that they are in."""
    texts = [read_text(folder / "pids.max") for group in control_groups() for folder in group.upwards]
    return min((int(text) for text in texts if text.strip().isdecimal()), default=None)
