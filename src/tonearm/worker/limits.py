"""What a child may use, and that it does not outlive its parent; and what its parent must be able to use."""

import ctypes
import os
import resource
import signal
import sys

from tonearm.errors import ConfigurationError

FILES_A_SLOT = 4  # the file in hand, the socket to the child, what it complains, and one while it is started
OTHER_FILES = 100
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38


def allow_files(slots: int) -> None:
    """Let this process have as many open files as so many slots need.

    Raises:
        ConfigurationError: the system does not allow it.
    """
    needed = OTHER_FILES + slots * FILES_A_SLOT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise ConfigurationError(
            f"{slots} workers need {needed} open files, and this process may have {hard}: "
            "take fewer --workers, or raise the limit (`ulimit -Hn`, LimitNOFILE in a service)"
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, and leave at once if that has happened."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(PR_SET_DUMPABLE, 0)
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if os.getppid() != parent:
        os._exit(0)


def confine(memory_mb: int) -> None:
    """Bound memory (private data, above what is mapped already), open files and written files; no core dumps."""
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
    """Let this process use so many further seconds of CPU before the kernel ends it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _prctl(option: int, value: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")
