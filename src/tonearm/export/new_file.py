"""Writes a file under another name first, so that it is there whole or not at all."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from tonearm.errors import TonearmError
from tonearm.names import printable
from tonearm.naming.safe_rename import UNSUPPORTED, link_and_remove, rename_no_replace


class CanNotWrite(TonearmError):
    """The file can't be written, or is there already."""


@contextlib.contextmanager
def new_file(path: bytes, overwrite: bool) -> Iterator[BinaryIO]:
    """A file to write to, which gets its name, synced, when the ``with`` block ends without an exception.

    overwrite: whether a file of that name is replaced. Raises CanNotWrite.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if not overwrite and os.path.lexists(path):
        raise CanNotWrite(f"{printable(path)}: is there already; --overwrite replaces it")
    try:
        number, temporary = tempfile.mkstemp(prefix=b".tonearm-export-", dir=folder)
        try:
            with os.fdopen(number, "wb") as file:
                yield file
                file.flush()
                os.fchmod(file.fileno(), 0o666 & ~_umask())
                os.fsync(file.fileno())
            _name(folder, os.path.basename(temporary), name, overwrite)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        problem = (
            "is there already; --overwrite replaces it" if error.errno == errno.EEXIST else error.strerror
        )
        raise CanNotWrite(f"{printable(path)}: {problem}") from error


def _name(folder: bytes, temporary: bytes, name: bytes, overwrite: bool) -> None:
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if overwrite:
            os.replace(temporary, name, src_dir_fd=place, dst_dir_fd=place)
        else:
            try:
                rename_no_replace(place, temporary, place, name)
            except OSError as error:
                if error.errno not in UNSUPPORTED:
                    raise
                link_and_remove(place, temporary, place, name)
        os.fsync(place)
    finally:
        os.close(place)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
