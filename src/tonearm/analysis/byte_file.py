"""Bytes as a file that a window can look at."""


class ByteFile:
    """A file object over bytes in memory, without a copy of them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int = -1, /) -> bytes:
        """Read up to ``size`` bytes, or all that are left."""
        end = len(self._data) if size < 0 else self._at + size
        piece = self._data[self._at : end]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move as ``io.IOBase.seek`` does; return the new position."""
        self._at = (0, self._at, len(self._data))[whence] + offset
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at
