"""The one name of a path. It needs the standard library alone, so that a small process can use it."""

import os


def canonical(path: bytes) -> bytes:
    """The absolute path with symbolic links resolved. The last component may not exist."""
    path = os.path.abspath(path)
    if os.path.exists(path):
        return os.path.realpath(path)
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
