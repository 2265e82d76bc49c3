"""Disks that answer with errors, simulated for the tests."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class _Dead:
    """An entry that has a name and a kind, and whose server is gone."""

    def __init__(self, entry: os.DirEntry[bytes]) -> None:
        self.name = entry.name
        self.is_dir = entry.is_dir
        self.is_file = entry.is_file
        self.is_symlink = entry.is_symlink

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002  as the real one
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))


def make_dead(monkeypatch: pytest.MonkeyPatch, *names: bytes) -> None:
    """Have entries of these names answer as a mount does whose server is gone."""
    scandir = os.scandir

    @contextmanager
    def sick(folder: bytes) -> Iterator[Iterator[object]]:
        with scandir(folder) as entries:
            yield (_Dead(entry) if entry.name in names else entry for entry in entries)

    monkeypatch.setattr(os, "scandir", sick)


def lock(monkeypatch: pytest.MonkeyPatch, locked: bytes) -> None:
    """Have nobody read a folder, not even root."""
    scandir = os.scandir

    def refuse(folder: bytes) -> object:
        if folder == locked:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
