"""Denies a child system calls that decoding does not need, such as opening files or sockets and starting processes.

On Linux a seccomp filter (seccomp(2), Linux kernel documentation "Seccomp BPF") makes such system calls fail with
EPERM. On other systems no call is denied, and ``seal`` returns the reason.
"""

import ctypes
import os
import platform
import struct
import sys

_SECCOMP_SET_MODE_FILTER = 1
_TSYNC = 1
_RET_ALLOW = 0x7FFF0000
_RET_EPERM = 0x00050000 | 1
_RET_ENOSYS = 0x00050000 | 38
_RET_KILL = 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_OFFSET_NUMBER, _OFFSET_ARCHITECTURE, _OFFSET_FIRST_ARGUMENT = 0, 4, 16

_X86_64 = {
    "open": 2, "creat": 85, "openat": 257, "openat2": 437, "open_by_handle_at": 304,
    "socket": 41, "socketpair": 53, "connect": 42, "bind": 49, "listen": 50, "accept": 43, "accept4": 288,
    "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "execveat": 322,
    "kill": 62, "tkill": 200, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297, "fcntl": 72, "ioctl": 16,
    "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_open": 434,
    "pidfd_getfd": 438, "pidfd_send_signal": 424, "setpriority": 141, "ioprio_set": 251,
    "sched_setparam": 142, "sched_setscheduler": 144, "sched_setaffinity": 203, "sched_setattr": 314,
    "shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66, "semtimedop": 220,
    "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "mq_open": 240, "mq_unlink": 241,
    "rename": 82, "renameat": 264, "renameat2": 316, "mkdir": 83, "mkdirat": 258, "rmdir": 84,
    "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266, "unlink": 87, "unlinkat": 263,
    "mknod": 133, "mknodat": 259, "chmod": 90, "fchmod": 91, "fchmodat": 268, "chown": 92, "fchown": 93,
    "lchown": 94, "fchownat": 260, "fchmodat2": 452, "truncate": 76, "ftruncate": 77,
    "utime": 132, "utimes": 235, "futimesat": 261, "utimensat": 280, "file_setattr": 469,
    "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "setxattrat": 463,
    "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199, "removexattrat": 466,
    "mount": 165, "umount2": 166, "chroot": 161, "pivot_root": 155, "unshare": 272, "setns": 308,
    "bpf": 321, "userfaultfd": 323, "perf_event_open": 298, "keyctl": 250, "add_key": 248,
    "io_uring_setup": 425, "memfd_create": 319, "init_module": 175, "finit_module": 313, "reboot": 169,
}  # fmt: skip
_AARCH64 = {
    "openat": 56, "openat2": 437, "open_by_handle_at": 265,
    "socket": 198, "socketpair": 199, "connect": 203, "bind": 200, "listen": 201, "accept": 202,
    "accept4": 242, "clone": 220, "execve": 221, "execveat": 281,
    "kill": 129, "tkill": 130, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240, "fcntl": 25, "ioctl": 29,
    "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "pidfd_open": 434,
    "pidfd_getfd": 438, "pidfd_send_signal": 424, "setpriority": 140, "ioprio_set": 30,
    "sched_setparam": 118, "sched_setscheduler": 119, "sched_setaffinity": 122, "sched_setattr": 274,
    "shmget": 194, "shmat": 196, "shmctl": 195, "semget": 190, "semop": 193, "semctl": 191, "semtimedop": 192,
    "msgget": 186, "msgsnd": 189, "msgrcv": 188, "msgctl": 187, "mq_open": 180, "mq_unlink": 181,
    "renameat": 38, "renameat2": 276, "mkdirat": 34, "linkat": 37, "symlinkat": 36, "unlinkat": 35,
    "mknodat": 33, "fchmod": 52, "fchmodat": 53, "fchown": 55, "fchownat": 54, "truncate": 45,
    "ftruncate": 46, "fchmodat2": 452, "utimensat": 88, "file_setattr": 469,
    "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "setxattrat": 463,
    "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16, "removexattrat": 466,
    "mount": 40, "umount2": 39, "chroot": 51, "pivot_root": 41, "unshare": 97, "setns": 268,
    "bpf": 280, "userfaultfd": 282, "perf_event_open": 241, "keyctl": 219, "add_key": 217,
    "io_uring_setup": 425, "memfd_create": 279, "init_module": 105, "finit_module": 273, "reboot": 142,
}  # fmt: skip
"""System calls to deny. ``fcntl`` and ``ioctl`` are among them because they can send a signal to any process when a
socket becomes ready: ``F_SETOWN``, ``F_SETSIG``, ``FIOSETOWN``."""

_CLONE3 = 435
_MACHINES = {  # AUDIT_ARCH of linux/audit.h, numbers of seccomp(2), tgkill(2) and prlimit(2), numbers to deny
    "x86_64": (0xC000003E, 317, 234, 302, _X86_64),
    "aarch64": (0xC00000B7, 277, 131, 261, _AARCH64),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def seal() -> str | None:
    """Deny these system calls to this process until it ends. Returns why that was not possible, or ``None``."""
    if sys.platform != "linux":
        return f"{sys.platform} has no seccomp: the decoder runs with all rights of its user"
    known = _MACHINES.get(platform.machine())
    if known is None:
        return f"system calls are not known for {platform.machine()}"
    architecture, seccomp, tgkill, prlimit, denied = known
    code = _filter(architecture, {tgkill: os.getpid(), prlimit: 0}, sorted(denied.values()))
    memory = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(memory, ctypes.c_void_p))
    library = ctypes.CDLL(None, use_errno=True)
    answer = library.syscall(ctypes.c_long(seccomp), _SECCOMP_SET_MODE_FILTER, _TSYNC, ctypes.byref(program))
    if answer != 0:
        return f"the kernel refuses a seccomp filter: {os.strerror(ctypes.get_errno())}"
    return None


def _filter(architecture: int, own: dict[int, int], denied: list[int]) -> bytes:
    """The filter: calls of another architecture kill the process, x32 and denied calls fail, all others are allowed.

    ``own``: calls whose first argument is a process id, with the only id that is allowed. A process may still send
    signals to itself, as abort(3) does, and set its own limits.
    """
    code = [
        _step(_LOAD, 0, 0, _OFFSET_ARCHITECTURE),
        _step(_JUMP_EQUAL, 1, 0, architecture),
        _step(_RETURN, 0, 0, _RET_KILL),
        _step(_LOAD, 0, 0, _OFFSET_NUMBER),
        _step(_JUMP_AT_LEAST, 0, 1, 0x40000000),
        _step(_RETURN, 0, 0, _RET_EPERM),
        _step(_JUMP_EQUAL, 0, 1, _CLONE3),  # ENOSYS, so that the C library falls back to clone
        _step(_RETURN, 0, 0, _RET_ENOSYS),
    ]
    for number in denied:
        code += [_step(_JUMP_EQUAL, 0, 1, number), _step(_RETURN, 0, 0, _RET_EPERM)]
    for number, name in own.items():
        code += [
            _step(_JUMP_EQUAL, 0, 4, number),
            _step(_LOAD, 0, 0, _OFFSET_FIRST_ARGUMENT),
            _step(_JUMP_EQUAL, 1, 0, name),
            _step(_RETURN, 0, 0, _RET_EPERM),
            _step(_RETURN, 0, 0, _RET_ALLOW),
        ]
    return b"".join([*code, _step(_RETURN, 0, 0, _RET_ALLOW)])


def _step(operation: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("HBBI", operation, if_true, if_false, value)
