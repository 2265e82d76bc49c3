"""Looks at the folders of a library for ``tonearm status``, so that it names one that does not answer."""

import os
import threading
from collections.abc import Mapping
from typing import Any

from tonearm.jobs import queue_depth
from tonearm.library.database import Database
from tonearm.library.mount_table import read_mounts
from tonearm.library.mounts import is_inside
from tonearm.library.roots import Roots
from tonearm.names import PathMap, path_fields, to_text
from tonearm.settings import Settings

FILES = 20
"""Number of known files of a root that are looked for."""
ROOT_FILE_SYSTEM = b"/"


def folders_in_trouble(settings: Settings, database: Database) -> list[Mapping[str, Any]]:
    """The roots that are not mounted or do not answer: path, reason and advice. Takes 3 s for each that hangs.

    Only roots on, or with, mounts of their own are looked at, and only in a library of one process: the workers of a
    shared one tell what their hosts can't see.
    """
    if database.shared:
        return []
    mounts = [mount for mount in read_mounts() if mount != ROOT_FILE_SYSTEM]
    roots = [
        root for root in Roots(database, PathMap(settings.path_map)).every() if _has_mount(root.here, mounts)
    ]
    if not roots:
        return []
    from tonearm.telemetry.probes import Checks, Status  # not needed where all is on one disk
    from tonearm.telemetry.probes_findings import Place
    from tonearm.telemetry.probes_places import PlacesLoop

    places = []
    for root in roots:
        with database.read() as connection:
            files = queue_depth.sample_paths(connection, root.root, FILES)
        places.append(Place(to_text(root.here), "root", root.here, files=files, mounts=root.mounts))
    checks = Checks()
    PlacesLoop(lambda: places, checks).check(threading.Event())
    return [
        {
            **path_fields(os.fsencode(component)),
            "reason": check.finding.output,
            "advice": check.finding.advice,
        }
        for component, check in checks.snapshot().items()
        if check.finding.status is not Status.PASS
    ]


def _has_mount(root: bytes, mounts: list[bytes]) -> bool:
    return any(root == mount or is_inside(root, mount) or is_inside(mount, root) for mount in mounts)
