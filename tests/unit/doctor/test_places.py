"""The rules over what is known of a folder; real folders are in ``tests/integration/test_doctor.py``."""

from typing import Any

import pytest

from tonearm.doctor.diagnosis import Severity
from tonearm.doctor.places import DATA, data_folder
from tonearm.telemetry.probes_findings import Place

PLACE = Place(DATA, "folder", b"/srv/tonearm")
ANSWER: dict[str, Any] = {
    "exists": True,
    "below": "/srv/tonearm",
    "is_folder": True,
    "file_system": "ext4",
    "read_only": False,
    "writable": True,
    "unwritable": [],
    "sync_ms": 2.5,
    "free": 5e10,
    "size": 1e11,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        ({"exists": False}, set()),
        ({"file_system": "nfs4"}, {"data.network"}),
        ({"file_system": "fuse.sshfs"}, {"data.network"}),
        ({"file_system": None}, set()),
        ({"writable": False, "sync_ms": None}, {"data.read-only"}),
        ({"read_only": True}, {"data.read-only"}),
        ({"unwritable": ["tonearm.db"]}, {"data.unwritable"}),
        ({"exists": False, "below": "/srv", "writable": False}, {"data.read-only"}),
        ({"is_folder": False}, {"data.no-folder"}),
        ({"sync_ms": 140.0}, {"data.sync-slow"}),
    ],
)
def test_a_folder_that_a_library_should_not_be_in_is_told(change: dict[str, Any], expected: set[str]) -> None:
    found = list(data_folder(PLACE, {**ANSWER, **change}))
    assert {each.id for each in found if each.severity is not Severity.FACT} == expected
    assert all(each.remedy for each in found if each.id in expected)
