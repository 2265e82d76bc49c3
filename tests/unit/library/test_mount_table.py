"""A list of mount points that is kept open is as new as one that is read."""

import os
import subprocess
from pathlib import Path

import pytest

from tonearm.library.mount_table import MountList, read_mounts


def test_a_fresh_mount_and_its_end_are_seen_at_once(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = os.fsencode(tmp_path)
    mounts = MountList()
    request.addfinalizer(mounts.close)
    assert mounts.points() == read_mounts()
    assert mounts.points() is mounts.points(), "nothing is read again without a change"
    if subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        assert place in mounts.points()
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert place not in mounts.points()
