"""Ids are stable: each belongs to an area and has one severity."""

import re

import pytest

from tonearm.cli.doctor import TITLES
from tonearm.doctor.diagnosis import IDS, Diagnosis, Severity
from tonearm.doctor.ids import AREAS, ERRORS, FACTS, WARNINGS


def test_every_id_has_one_severity_and_an_area_that_has_a_title() -> None:
    assert len(IDS) == len(FACTS) + len(WARNINGS) + len(ERRORS)
    assert {name.partition(".")[0] for name in IDS} == set(AREAS) == set(TITLES)
    assert [name for name in IDS if not re.fullmatch(r"[a-z0-9-]+\.[a-z-]+", name)] == []


def test_a_diagnosis_is_told_with_its_severity() -> None:
    found = Diagnosis("redis.unreachable", "Redis", "it does not answer", "start it")
    assert found.severity is Severity.WARNING
    assert found.to_json() == {
        "id": "redis.unreachable",
        "severity": "warning",
        "subject": "Redis",
        "detail": "it does not answer",
        "remedy": "start it",
    }


def test_an_id_that_is_not_listed_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        _ = Diagnosis("redis.tired", "Redis", "it yawns").severity
