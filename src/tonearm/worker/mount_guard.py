"""Whether a file that can't be found is gone, or only in a folder that is not mounted on this host."""

import os
import time
from collections.abc import Callable, Sequence

from tonearm.jobs.job import UnmountedPlace
from tonearm.names import PathMap

RECHECK_S = 20.0
SAMPLES = 20


class MountGuard:
    """Remembers for a while what was found not mounted, so that its jobs are not taken."""

    def __init__(
        self,
        paths: PathMap,
        samples: Callable[[int, int], Sequence[bytes]],
        mounts: Callable[[int], Sequence[bytes]] = lambda _: (),
    ) -> None:
        """``samples(root_id, n)``: up to n files of a root that were there at its last scan.

        ``mounts(root_id)``: the folders below a root that were mount points then.
        """
        self._paths = paths
        self._samples = samples
        self._mounts = mounts
        self._unmounted: dict[UnmountedPlace, tuple[float, bytes]] = {}

    def local_path(self, path: bytes) -> bytes:
        """The path on this host of what the library knows as ``path``."""
        return self._paths.here(path)

    def unmounted_places(self) -> frozenset[UnmountedPlace]:
        """What is not mounted here, as far as is known."""
        now = time.monotonic()
        self._unmounted = {place: found for place, found in self._unmounted.items() if found[0] > now}
        return frozenset(self._unmounted)

    def unmounted_paths(self) -> list[bytes]:
        """What is not mounted here, as paths of this host."""
        return [path for _, path in self._unmounted.values()]

    def covers(self, root_id: int, path: bytes) -> bool:
        """Whether a file lies in what is known not to be mounted here."""
        return any(
            place.root == root_id and (not place.scope or path.startswith(place.scope + b"/"))
            for place in self.unmounted_places()
        )

    def is_mounted(self, root_id: int, root: bytes, missing: bytes) -> bool:
        """Whether the folder of a file that can't be found is mounted here: then the file is gone.

        A root is mounted if another of its known files is there, or the top folder of one; a root without other known
        files, if its folder is not empty. A mount point below it is mounted if its folder is not empty.
        """
        here = self.local_path(root)
        others = [name for name in self._samples(root_id, SAMPLES) if name != missing]
        tops = {name.partition(b"/")[0] for name in others}  # whole albums may have been deleted
        found = any(os.path.lexists(os.path.join(here, top)) for top in tops)
        if not found and (others or _is_empty(here)):
            self._remember(UnmountedPlace(root_id), here)
            return False
        empty = [mount for mount in self._mounts(root_id) if _is_empty(os.path.join(here, mount))]
        for mount in empty:
            self._remember(UnmountedPlace(root_id, mount), os.path.join(here, mount))
        return not any(missing.startswith(mount + b"/") for mount in empty)

    def _remember(self, place: UnmountedPlace, here: bytes) -> None:
        self._unmounted[place] = (time.monotonic() + RECHECK_S, here)


def _is_empty(folder: bytes) -> bool:
    """Whether a folder is empty, absent or can't be read."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True
