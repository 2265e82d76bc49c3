"""The files of a run that have not ended, in classes of one format, level and size."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Self

from tonearm.events.states import Workload
from tonearm.progress.formats import PCM


class FileClass(NamedTuple):
    """Files of one format, level and about one size that are left.

    size: bytes of all. copies: how many of them are probably copies of others.
    """

    extension: str
    level: str
    files: int
    size: int
    copies: int

    @property
    def mean_size(self) -> float:
        """Bytes of one file."""
        return self.size / self.files


class OpenFiles:
    """How many files of each class are left."""

    def __init__(self, workload: Mapping[str, Sequence[Workload]]) -> None:
        """``workload``: by extension."""
        self._left: dict[tuple[str, str, int], FileClass] = {}
        for extension, several in workload.items():
            for load in several:
                if load.files > 0:
                    key = (extension, load.level, (load.size // load.files).bit_length())
                    one = self._left.get(key, FileClass(extension, load.level, 0, 0, 0))
                    self._left[key] = one._replace(
                        files=one.files + load.files,
                        size=one.size + load.size,
                        copies=one.copies + (0 if extension in PCM else load.copies),
                    )

    @property
    def files(self) -> int:
        """Number of files that are left."""
        return sum(one.files for one in self._left.values())

    def remove(self, extension: str, size: int, level: str, decoded: bool = True) -> bool:
        """Remove a file: from its own class, or from the nearest one of its format, as levels change.

        Returns whether it was not decoded and a copy was expected there.
        """
        length = size.bit_length()
        same = [key for key, one in self._left.items() if one.extension == extension and one.files > 0]
        if not same:
            return False
        key = min(same, key=lambda key: (abs(key[2] - length), key[1] != level))
        one = self._left[key]
        copy = one.copies > 0 and not decoded
        files = one.files - 1
        self._left[key] = one._replace(
            files=files,
            size=max(0, one.size - size) if files else 0,
            copies=min(one.copies - copy, files),
        )
        return copy

    def copy(self) -> Self:
        """A copy that can be changed."""
        other = type(self)({})
        other._left = dict(self._left)
        return other

    def __iter__(self) -> Iterator[FileClass]:
        """The classes that have files."""
        return (one for one in self._left.values() if one.files > 0)
