"""Whether this host can see a file's folder at all: one that is not mounted here is no reason to fail a file."""

import os
import time
from collections.abc import Callable, Sequence

from tonearm.jobs.job import UnmountedPlace
from tonearm.names import PathMap

LOOK_AGAIN_S = 20.0
SAMPLES = 20


class MountGuard:
    """Remembers what was found not mounted, and looks again after a while."""

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
        self._unmounted: dict[UnmountedPlace, tuple[float, bytes]] = {}

    def here(self, path: bytes) -> bytes:
        """Where this host has a path of the library."""
        return self._paths.here(path)

    def unmounted(self) -> frozenset[UnmountedPlace]:
        """What is not mounted here, as far as is known."""
        now = time.monotonic()
        self._unmounted = {place: seen for place, seen in self._unmounted.items() if seen[0] > now}
        return frozenset(self._unmounted)

    def hides(self, root: int, path: bytes) -> bool:
        """Whether a file lies in what is known not to be mounted here."""
        return any(
            place.root == root and (not place.scope or path.startswith(place.scope + b"/"))
            for place in self.unmounted()
        )

    def unmounted_paths(self) -> list[bytes]:
        """What is not mounted, as paths of this host."""
        return [path for _, path in self._unmounted.values()]

    def sees(self, root: int, path: bytes, missed: bytes) -> bool:
        """Whether a root in which a file was missed is there otherwise: another known file, or what it lies in, is.

        A root without another known file is there when its folder holds anything at all. So is a mount below it, of
        which alone the file may be missing: then that counts as unseen, and the rest of the root does not.
        """
        here = self.here(path)
        others = [name for name in self._samples(root, SAMPLES) if name != missed]
        tops = {name.partition(b"/")[0] for name in others}  # whole albums may have been deleted
        there = any(os.path.lexists(os.path.join(here, top)) for top in tops)
        if not there and (others or not _holds_anything(here)):
            self._lose(UnmountedPlace(root), here)
            return False
        empty = [mount for mount in self._mounts(root) if not _holds_anything(os.path.join(here, mount))]
        for mount in empty:
            self._lose(UnmountedPlace(root, mount), os.path.join(here, mount))
        return not any(missed.startswith(mount + b"/") for mount in empty)

    def _lose(self, place: UnmountedPlace, here: bytes) -> None:
        self._unmounted[place] = (time.monotonic() + LOOK_AGAIN_S, here)


def _holds_anything(folder: bytes) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
