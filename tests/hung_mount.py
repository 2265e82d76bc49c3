"""A folder on a file system whose server never answers."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def hung_mount(folder: Path) -> Iterator[Path]:
    """Mount it over a folder, until the ``with`` block ends; skips where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        server = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        pytest.skip("needs FUSE")
    where = os.fsencode(folder)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"hung", where, b"fuse", 0, options) != 0:
        os.close(server)
        pytest.skip(f"needs the right to mount: {os.strerror(ctypes.get_errno())}")
    try:
        yield folder
    finally:
        libc.umount2(where, 2)  # at once, whoever hangs in it
        os.close(server)
