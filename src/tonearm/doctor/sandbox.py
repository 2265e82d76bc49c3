"""What this kernel offers to confine a process."""

import ctypes
import os
import platform
import sys
from collections.abc import Iterator

from tonearm.doctor.diagnosis import Diagnosis

_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_VERSION = 1
_USER_NAMESPACES = "/proc/sys/user/max_user_namespaces"
_SECCOMP_ACTIONS = "/proc/sys/kernel/seccomp/actions_avail"


def kernel() -> Iterator[Diagnosis]:
    """Which ways of confining a process this kernel has. Children use seccomp and limits of resources."""
    if sys.platform != "linux":
        return
    offers = {
        "seccomp filters": os.path.exists(_SECCOMP_ACTIONS),
        f"Landlock {_landlock()}": _landlock() > 0,
        "user namespaces": _number(_USER_NAMESPACES) > 0,
    }
    has = [name for name, there in offers.items() if there]
    text = ", ".join(has) if has else "none of seccomp filters, Landlock and user namespaces"
    yield Diagnosis("sandbox.kernel", f"kernel {platform.release()}", f"offers {text}")


def _landlock() -> int:
    """The version of Landlock's interface, 0 where there is none."""
    library = ctypes.CDLL(None, use_errno=True)
    found = library.syscall(
        ctypes.c_long(_LANDLOCK_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(_LANDLOCK_VERSION)
    )
    return max(0, int(found))


def _number(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0
