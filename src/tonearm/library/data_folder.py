"""Checks the folder of a database: SQLite's locks and shared memory do not work on network file systems."""

import os
import sys
from pathlib import Path

from tonearm.errors import NotFound, StorageUnusable

NETWORK_KINDS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "fuse.sshfs", "fuse.glusterfs", "fuse.rclone"}
)
DATABASE = "tonearm.db"
MOUNTS = "/proc/self/mountinfo"


def file_system_of(folder: Path | bytes) -> str | None:
    """The type of the file system of a folder, as the kernel names it; ``None`` where it is unknown."""
    if sys.platform != "linux":
        return None
    device = os.stat(folder).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open(MOUNTS, encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                fields = line.split()
                if fields[2] == wanted:
                    return fields[fields.index("-") + 1]
    except (OSError, ValueError, IndexError):
        return None
    return None


def refuse_network_folder(folder: Path) -> None:
    """Raise StorageUnusable when the folder lies on a network file system."""
    kind = file_system_of(folder)
    if kind in NETWORK_KINDS:
        raise StorageUnusable(
            f"{folder}: lies on a network file system ({kind}), where SQLite can lose data; "
            "name a local folder with --data or TONEARM_DATA_DIR"
        )


def require_library(folder: Path) -> None:
    """Raise NotFound when the folder has no library; opening the library reports a folder that can't be read."""
    try:
        (folder / DATABASE).stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(
            f"{folder}: no library is there; `tonearm analyze FOLDER` makes one, "
            "--data or TONEARM_DATA_DIR names another"
        ) from error
    except OSError:
        return
