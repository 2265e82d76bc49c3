"""The kernel's counter tells whether a child was killed for lack of memory; its slot then stays empty for a while."""

from pathlib import Path

import pytest

from tonearm.worker.memory_kills import EMPTY_S, MemoryKills


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    """The counter of a control group of version 2."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("0::/tonearm\n")
    (tmp_path / "proc" / "self" / "mountinfo").write_text(
        f"31 23 0:28 / {tmp_path}/cgroup rw - cgroup2 cgroup2 rw\n"
    )
    (tmp_path / "proc" / "vmstat").write_text("oom_kill 99\n")
    group = tmp_path / "cgroup" / "tonearm"
    group.mkdir(parents=True)
    (group / "memory.events.local").write_text("low 0\noom 1\noom_kill 1\noom_group_kill 0\n")
    return group / "memory.events.local"


def test_each_kill_explains_the_end_of_one_child(counter: Path, tmp_path: Path) -> None:
    kills = MemoryKills(tmp_path / "proc")
    assert not kills.take_kill(0.0)
    counter.write_text("oom_kill 3\n")
    assert [kills.take_kill(0.0) for _ in range(3)] == [True, True, False]


def test_a_slot_stays_empty_for_a_while_and_one_is_always_used(counter: Path, tmp_path: Path) -> None:
    kills = MemoryKills(tmp_path / "proc")
    counter.write_text("oom_kill 6\n")
    assert kills.empty_slots(10.0, 4) == 0
    assert all(kills.take_kill(float(at)) for at in (10, 11))
    assert kills.empty_slots(12.0, 4) == 2
    assert kills.empty_slots(10.5 + EMPTY_S, 4) == 1
    assert kills.empty_slots(11.5 + EMPTY_S, 4) == 0
    assert all(kills.take_kill(float(at)) for at in (100, 101, 102))
    assert kills.empty_slots(103.0, 2) == 1
    assert kills.empty_slots(103.0, 1) == 0


def test_without_a_group_the_counter_of_the_system_is_read(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "vmstat").write_text("pgfault 5\noom_kill 0\n")
    kills = MemoryKills(tmp_path)
    (tmp_path / "vmstat").write_text("pgfault 9\noom_kill 1\n")
    assert kills.take_kill(0.0)


def test_without_any_counter_nothing_is_explained(tmp_path: Path) -> None:
    assert not MemoryKills(tmp_path).take_kill(0.0)
