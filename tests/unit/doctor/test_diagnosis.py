"""Ids are stable: each belongs to an area and has one severity."""

import re
from pathlib import Path

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


NOT_PLANTED = {
    "data.network": "needs a server of NFS or SMB",
    "data.sync-slow": "needs a slow disk",
    "data.locked": "needs a program that holds a lock for long",
    "decoders.codec": "needs another FFmpeg",
    "decoders.children": "needs a machine without memory",
    "doctor.failed": "needs a mistake in this program",
    "doctor.unfinished": "takes twenty seconds",
    "neo4j.constraints": "needs a graph of its own",
    "postgresql.autovacuum": "needs a server of its own",
    "postgresql.fsync": "needs a server of its own",
    "postgresql.full-page-writes": "needs a server of its own",
    "rabbitmq.alarm": "needs a broker of its own",
    "settings.no-pressure": "needs another kernel",
    "redis.memory": "needs a server of its own",
    "redis.read-only": "needs two servers of its own",
    **{f"{server}.slow": "takes seconds" for server in AREAS if f"{server}.slow" in IDS},
    **{f"{server}.version": "needs another version" for server in AREAS if f"{server}.version" in WARNINGS},
    **{f"{server}.too-old": "needs another version" for server in AREAS if f"{server}.too-old" in IDS},
}
"""What the tests of the real command do not plant, and why; the rules of these are tested beside this file."""


def test_every_other_fault_is_planted_and_found_by_the_real_command() -> None:
    tests = Path(__file__).parents[2]
    files = (*(tests / "integration").glob("test_doctor*.py"), tests / "contracts" / "test_pgbouncer.py")
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    planted = {name for name in (*WARNINGS, *ERRORS) if f'"{name}"' in text}
    not_planted = NOT_PLANTED.keys() - {"workers.version"}
    assert planted == {*WARNINGS, *ERRORS} - not_planted
    assert len(planted) >= 25
