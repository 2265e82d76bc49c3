"""What a round keeps on the disk is removed, also after its process was killed."""

import fcntl
import os
from pathlib import Path

from tonearm.bootstrap.tune_place import PREFIX, remove_abandoned


def test_folders_of_killed_processes_are_removed_and_those_in_use_are_kept(tmp_path: Path) -> None:
    for name in ("killed", "used", "new"):
        (tmp_path / f"{PREFIX}{name}").mkdir()
        (tmp_path / f"{PREFIX}{name}" / "tonearm.db").touch()
    (tmp_path / "tonearm.db").touch()
    for name in ("killed", "used"):
        os.utime(tmp_path / f"{PREFIX}{name}", (1, 1))
    descriptor = os.open(tmp_path / f"{PREFIX}used", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    remove_abandoned(tmp_path)
    os.close(descriptor)
    assert sorted(os.listdir(tmp_path)) == [f"{PREFIX}new", f"{PREFIX}used", "tonearm.db"]
