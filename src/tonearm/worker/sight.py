"""Whether this host can see a root's files at all: a folder that is not mounted here is no reason to fail a file."""

import os
import time
from collections.abc import Callable, Sequence

from tonearm.names import PathMap

LOOK_AGAIN_S = 20.0
SAMPLES = 20


class Sight:
    """Remembers the roots that were found not mounted, and looks again after a while."""

    def __init__(
        self,
        paths: PathMap,
        samples: Callable[[int, int], Sequence[bytes]],
        mounts: Callable[[int], Sequence[bytes]] = lambda _: (),
    ) -> None:
        """``samples(root, n)``: up to n files of a root that were there when it was last read.

        ``mounts(root)``: the folders below a root on which something else was mounted then.
        """
        self._paths = paths
        self._samples = samples
        self._mounts = mounts
        self._unseen: dict[int, tuple[float, bytes]] = {}

    def here(self, path: bytes) -> bytes:
        """Where this host has a path of the library."""
        return self._paths.here(path)

    def unseen(self) -> frozenset[int]:
        """Roots that are not mounted here, as far as is known."""
        now = time.monotonic()
        self._unseen = {root: seen for root, seen in self._unseen.items() if seen[0] > now}
        return frozenset(self._unseen)

    def unseen_paths(self) -> list[bytes]:
        """The same as paths of this host."""
        return [path for _, path in self._unseen.values()]

    def sees(self, root: int, path: bytes, missed: bytes) -> bool:
        """Whether a root in which a file was missed is there otherwise: another known file, or what it lies in, is.

        A root without another known file is there when its folder holds anything at all. So is a mount below it, of
        which alone the file may be missing: then the root counts as seen, and the file does not.
        """
        here = self.here(path)
        others = [name for name in self._samples(root, SAMPLES) if name != missed]
        tops = {name.partition(b"/")[0] for name in others}  # whole albums may have been deleted
        there = any(os.path.lexists(os.path.join(here, top)) for top in tops)
        there = there or (not others and _holds_anything(here))
        if not there:
            self._unseen[root] = (time.monotonic() + LOOK_AGAIN_S, here)
        return there and all(
            _holds_anything(os.path.join(here, mount))
            for mount in self._mounts(root)
            if missed.startswith(mount + b"/")
        )


def _holds_anything(folder: bytes) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
