"""An unmounted disk changes nothing in the library, and deleted files are marked missing."""

import os
from pathlib import Path

import pytest

from tonearm.library.mounts import (
    empty_mounts,
    is_at_or_inside,
    is_root_mounted,
    lost_mounts,
    root_looks_unmounted,
)


@pytest.mark.parametrize(
    ("missing", "in_lost_mounts", "found", "other_device", "unmounted"),
    [
        (1, 0, 0, False, True),
        (0, 0, 0, True, False),
        (20, 0, 1, False, False),
        (20, 0, 1, True, True),
        (19, 0, 1, True, False),
        (20, 0, 20, True, False),
        (30, 11, 1, True, False),
        (30, 30, 0, False, True),
    ],
)
def test_a_scan_finds_a_root_unmounted_when_nearly_nothing_is_left_of_it(
    missing: int, in_lost_mounts: int, found: int, other_device: bool, unmounted: bool
) -> None:
    assert root_looks_unmounted(missing, in_lost_mounts, found, other_device) is unmounted


def test_a_mount_point_is_lost_when_it_is_none_and_holds_no_music() -> None:
    assert lost_mounts([b"a", b"b", b"c"], now=[b"a"], with_music={b"b"}) == [b"c"]


def test_a_worker_finds_a_root_mounted_when_another_file_or_its_top_folder_is_there(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    (tmp_path / "Miles").mkdir()
    assert is_root_mounted(root, [b"Miles/Blue/1.flac"])
    assert not is_root_mounted(root, [b"Bill/1.flac"])
    assert is_root_mounted(root, [])
    assert not is_root_mounted(root + b"/Miles", [])
    assert not is_root_mounted(root + b"/gone", [])


def test_a_worker_finds_a_mount_point_unmounted_when_it_is_empty(tmp_path: Path) -> None:
    (tmp_path / "full" / "1").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    assert empty_mounts(os.fsencode(tmp_path), [b"full", b"empty", b"gone"]) == [b"empty", b"gone"]


def test_a_path_lies_below_a_folder_and_not_below_one_whose_name_begins_alike() -> None:
    places = frozenset([b"a/b"])
    assert [is_at_or_inside(path, places) for path in (b"a/b", b"a/b/c/d", b"a/bc", b"a")] == [
        True,
        True,
        False,
        False,
    ]
