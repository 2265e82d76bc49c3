"""Decides whether a file that can't be found was deleted, or lies in a folder that is not mounted on this host."""

import os
import time
from collections.abc import Callable, Sequence

from tonearm.jobs.job import UnmountedPlace
from tonearm.library.mounts import empty_mounts, is_inside, is_root_mounted
from tonearm.names import PathMap

RECHECK_S = 20.0
SAMPLES = 20


class MountGuard:
    """Remembers unmounted places for ``RECHECK_S``, so that their jobs are not taken."""

    def __init__(
        self,
        paths: PathMap,
        samples: Callable[[int, int], Sequence[bytes]],
        mounts: Callable[[int], Sequence[bytes]] = lambda _: (),
    ) -> None:
        """``samples(root_id, n)``: up to n files that the last scan of a root found.

        ``mounts(root_id)``: the folders below a root that were mount points at its last scan.
        """
        self._paths = paths
        self._samples = samples
        self._mounts = mounts
        self._unmounted: dict[UnmountedPlace, tuple[float, bytes]] = {}

    def local_path(self, path: bytes) -> bytes:
        """The path on this host of a path in the library."""
        return self._paths.here(path)

    def unmounted_places(self) -> frozenset[UnmountedPlace]:
        """The places that are known not to be mounted on this host."""
        now = time.monotonic()
        self._unmounted = {place: found for place, found in self._unmounted.items() if found[0] > now}
        return frozenset(self._unmounted)

    def unmounted_paths(self) -> list[bytes]:
        """The paths on this host of the places that are known not to be mounted."""
        return [path for _, path in self._unmounted.values()]

    def covers(self, root_id: int, path: bytes) -> bool:
        """Whether a file lies in a place that is known not to be mounted on this host."""
        return any(
            place.root == root_id and (not place.scope or is_inside(path, place.scope))
            for place in self.unmounted_places()
        )

    def is_mounted(self, root_id: int, root: bytes, missing: bytes) -> bool:
        """Whether the place of a file that can't be found is mounted on this host; if so, the file was deleted.

        The rules are those of ``library.mounts``.
        """
        here = self.local_path(root)
        others = [path for path in self._samples(root_id, SAMPLES) if path != missing]
        if not is_root_mounted(here, others):
            self._remember(UnmountedPlace(root_id), here)
            return False
        empty = empty_mounts(here, self._mounts(root_id))
        for mount in empty:
            self._remember(UnmountedPlace(root_id, mount), os.path.join(here, mount))
        return not any(is_inside(missing, mount) for mount in empty)

    def _remember(self, place: UnmountedPlace, here: bytes) -> None:
        self._unmounted[place] = (time.monotonic() + RECHECK_S, here)
