"""Sets resource limits: those of a child, its end with its parent, and the open files of the parent."""

import contextlib
import ctypes
import os
import resource
import signal
import sys

from tonearm.errors import ConfigurationError

FILES_PER_SLOT = 4  # the music file, the socket, the child's standard error, and one more while it starts
OTHER_FILES = 100
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38


def allow_files(slots: int) -> None:
    """Raise the limit of open files to the number that these slots need.

    Raises:
        ConfigurationError: the system does not allow that many.
    """
    needed = files_needed(slots)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise ConfigurationError(
            f"{slots} workers need {needed} open files, and this process may have {hard}: "
            "take fewer --workers, or raise the limit (`ulimit -Hn`, LimitNOFILE in a service)"
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def be_killed_first() -> None:
    """Have the kernel end this process before others when memory runs out: one file is lost for now, not its worker.

    Called before ``die_with_parent``, which takes these files of /proc away from an ordinary user.
    """
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def files_needed(slots: int) -> int:
    """The number of files that a worker with these slots may have open."""
    return OTHER_FILES + slots * FILES_PER_SLOT


def private_bytes(pid: int) -> int:
    """The memory of a process that ``confine`` limits, in bytes; 0 where the system does not tell it."""
    try:
        file = os.open(f"/proc/{pid}/statm", os.O_RDONLY)  # a buffer would take longer than reading
    except OSError:
        return 0
    try:
        return int(os.read(file, 200).split()[5]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return 0
    finally:
        os.close(file)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; exit at once if the parent has ended already."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(PR_SET_DUMPABLE, 0)
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if os.getppid() != parent:
        os._exit(0)


def confine(memory_mb: int) -> None:
    """Limit private memory, open files and the size of written files; no core dumps."""
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_DATA, memory_mb << 20),
    ):
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def allow_cpu(seconds: float) -> None:
    """Let this process use this many more seconds of CPU time before the kernel ends it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
