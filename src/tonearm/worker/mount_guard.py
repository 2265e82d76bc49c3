"""Decides whether a file that can't be found was deleted, or lies in a folder that is not mounted on this host.

It touches no file: what has to be looked at is asked, and the answer given to ``is_mounted``.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tonearm.jobs.job import UnmountedPlace
from tonearm.library.mounts import is_inside
from tonearm.names import PathMap, from_document, to_document

RECHECK_S = 20.0
SAMPLES = 20


class MountGuard:
    """Remembers places whose jobs are not taken: those not mounted here, for ``RECHECK_S``, and those that hang."""

    def __init__(
        self,
        paths: PathMap,
        sample_paths: Callable[[int, int], Sequence[bytes]],
        mounts: Callable[[int], Sequence[bytes]] = lambda _: (),
    ) -> None:
        """``sample_paths(root_id, n)``: up to n files that the last scan of a root found.

        ``mounts(root_id)``: the folders below a root that were mount points at its last scan.
        """
        self._paths = paths
        self._sample_paths = sample_paths
        self._mounts = mounts
        self._unmounted: dict[UnmountedPlace, tuple[float, bytes]] = {}
        self._hung: dict[bytes, set[UnmountedPlace]] = {}

    def local_path(self, path: bytes) -> bytes:
        """The path on this host of a path in the library."""
        return self._paths.here(path)

    def unmounted_places(self) -> frozenset[UnmountedPlace]:
        """The places that are known not to be mounted on this host, or not to answer."""
        if not (self._unmounted or self._hung):
            return frozenset()
        now = time.monotonic()
        self._unmounted = {place: found for place, found in self._unmounted.items() if found[0] > now}
        return frozenset(self._unmounted).union(*self._hung.values())

    def unmounted_paths(self) -> list[bytes]:
        """The paths on this host of the places that are known not to be mounted, and the mounts that don't answer."""
        return [*(path for _, path in self._unmounted.values()), *self._hung]

    def hung(self, mount: bytes) -> None:
        """Note that a mount on this host does not answer."""
        self._hung.setdefault(mount, set())

    def remember_hung(self, mount: bytes, root_id: int, root: bytes, link: bytes | None = None) -> None:
        """Have no jobs taken of a root on this host that is, or lies on, a mount that does not answer, or holds it.

        link: a link in the root that leads to the mount; only what is below it waits.
        """
        if mount in self._hung:
            place = mount if link is None else link
            scope = place[len(root) + 1 :] if is_inside(place, root) else b""
            self._hung[mount].add(UnmountedPlace(root_id, scope))

    def answers(self, mount: bytes) -> None:
        """Note that a mount answers again."""
        self._hung.pop(mount, None)

    def covers(self, root_id: int, path: bytes) -> bool:
        """Whether a file lies in a place that is known not to be mounted on this host, or not to answer."""
        return any(
            place.root == root_id and (not place.scope or path == place.scope or is_inside(path, place.scope))
            for place in self.unmounted_places()
        )

    def question(self, root_id: int, root: bytes, missing: bytes) -> dict[str, Any]:
        """What an opener is asked about the place of a file that can't be found. Raises StorageError."""
        others = [path for path in self._sample_paths(root_id, SAMPLES) if path != missing]
        return {
            "root": to_document(self.local_path(root)),
            "others": [to_document(path) for path in others],
            "mounts": [to_document(mount) for mount in self._mounts(root_id)],
        }

    def is_mounted(self, root_id: int, root: bytes, missing: bytes, answer: Mapping[str, Any]) -> bool:
        """Whether the place of a file that can't be found is mounted on this host; if so, the file was deleted.

        answer: of the opener. The rules are those of ``library.mounts``.
        """
        here = self.local_path(root)
        if not answer["mounted"]:
            self._remember(UnmountedPlace(root_id), here)
            return False
        empty = [from_document(mount) for mount in answer["empty"]]
        for mount in empty:
            self._remember(UnmountedPlace(root_id, mount), os.path.join(here, mount))
        return not any(is_inside(missing, mount) for mount in empty)

    def _remember(self, place: UnmountedPlace, here: bytes) -> None:
        self._unmounted[place] = (time.monotonic() + RECHECK_S, here)
