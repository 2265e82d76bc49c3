"""Renames that can't overwrite, by the system calls for it: ``renameat2`` of Linux, ``renameatx_np`` of macOS."""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache

UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a file system answers that does not know the flag, or a kernel that does not know the call."""
_NO_REPLACE_LINUX, _EXCLUSIVE_MACOS = 1, 4
_EXCHANGE = 2
"""Of both systems."""


def rename_no_replace(source_folder: int, source: bytes, target_folder: int, target: bytes) -> None:
    """Rename a file from one open folder to another; fails with EEXIST where the target is there.

    Raises:
        OSError: with one of ``UNSUPPORTED`` where this system or this file system can't do it.
    """
    _renamed(source_folder, source, target_folder, target, _call()[1])


def exchange(folder: int, one: bytes, other: bytes) -> None:
    """Exchange the names of two files at once.

    Raises:
        OSError: with one of ``UNSUPPORTED`` where this system or this file system can't do it.
    """
    _renamed(folder, one, folder, other, _EXCHANGE)


def _renamed(source_folder: int, source: bytes, target_folder: int, target: bytes, flag: int) -> None:
    call = _call()[0]
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(source_folder, source, target_folder, target, flag) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def link_and_remove(source_folder: int, source: bytes, target_folder: int, target: bytes) -> bool:
    """Give a file a second name, which fails where the target is there, then take the first one. Raises OSError.

    Returns whether that was done; it is not where another program has meanwhile put another file in the place of the
    first one, which stays.
    """
    os.link(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder, follow_symlinks=False)
    os.fsync(target_folder)
    now = os.stat(source, dir_fd=source_folder, follow_symlinks=False)
    linked = os.stat(target, dir_fd=target_folder, follow_symlinks=False)
    is_same = os.path.samestat(now, linked)
    os.unlink(source if is_same else target, dir_fd=source_folder if is_same else target_folder)
    return is_same


@cache
def _call() -> tuple[Callable[..., int] | None, int]:
    library = ctypes.CDLL(None, use_errno=True)
    name, flag = (
        ("renameatx_np", _EXCLUSIVE_MACOS) if sys.platform == "darwin" else ("renameat2", _NO_REPLACE_LINUX)
    )
    call = getattr(library, name, None)
    if call is None:
        return None, 0
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    call.restype = ctypes.c_int
    return call, flag
