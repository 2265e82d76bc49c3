"""Every part is examined beside the others: one that fails or hangs is told, and the others are shown."""

import sys
import threading
from collections.abc import Iterator
from types import ModuleType

import pytest

from tonearm.analysis import kernels
from tonearm.bootstrap import doctor as module
from tonearm.bootstrap.doctor import Part, examine
from tonearm.doctor import decoders
from tonearm.doctor.diagnosis import Diagnosis
from tonearm.errors import ServiceUnavailable
from tonearm.telemetry.probes import Finding, Status

FACT = Diagnosis("machine.system", "system", "Linux")


def test_parts_that_fail_or_hang_are_told_and_keep_what_they_had_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never = threading.Event()

    def hangs() -> Iterator[Diagnosis]:
        yield Diagnosis("redis.server", "Redis", "7.4")
        never.wait()

    def fails() -> Iterator[Diagnosis]:
        yield Diagnosis("neo4j.server", "Neo4j", "5.26")
        raise ZeroDivisionError("a mistake")

    def refuses() -> Iterator[Diagnosis]:
        yield FACT
        raise ServiceUnavailable("the file of an address can't be read")

    parts: dict[str, Part] = {"hangs": hangs, "fails": fails, "refuses": refuses}
    monkeypatch.setattr(module, "_parts", lambda *_: parts.items())
    monkeypatch.setattr(module, "LIMIT_S", 0.5)
    monkeypatch.setattr(decoders, "libraries", list)
    found = examine(None)
    never.set()
    assert [each.id for each in found[:3]] == ["machine.system", "redis.server", "neo4j.server"]
    told = {(each.id, each.subject): each.detail for each in found[3:]}
    assert set(told) == {
        ("doctor.unfinished", "hangs"),
        ("doctor.failed", "fails"),
        ("doctor.failed", "refuses"),
    }
    assert "ZeroDivisionError: a mistake (test_examination.py:" in told["doctor.failed", "fails"]
    assert told["doctor.failed", "refuses"] == "the file of an address can't be read"


def test_children_that_do_not_start_and_decoders_that_are_missing_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fails = Finding(Status.FAIL, None, "s", "child processes do not start: no memory", "free memory")
    assert [each.id for each in decoders.children(fails, None)] == ["decoders.children"]
    monkeypatch.setattr(decoders, "_decodes", lambda name: name != "opus")
    (lacking,) = [each for each in decoders.libraries() if each.remedy]
    assert (lacking.id, "opus" in lacking.detail) == ("decoders.codec", True)


def test_compiled_code_that_is_older_than_the_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "NATIVE", False)
    monkeypatch.setitem(sys.modules, "tonearm.analysis._kernels", ModuleType("_kernels"))
    (found,) = [each for each in decoders.libraries() if each.remedy]
    assert (found.id, found.remedy) == ("decoders.kernels-slow", "install tonearm again")
    assert "the compiled code is older than the program" in found.detail
