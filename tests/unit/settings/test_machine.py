"""The default of ``workers`` fits what this process may use: cores, CPU quota and memory, in its groups and above."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tonearm.settings.machine import Machine, this_machine

HUGE = 64 << 20
"""Memory of the host in kB."""


@dataclass
class Host:
    """Folders that look like /proc and /sys/fs/cgroup of a host."""

    folder: Path

    def __post_init__(self) -> None:
        (self.proc / "self").mkdir(parents=True)
        self.memory_kb(HUGE)

    @property
    def proc(self) -> Path:
        return self.folder / "proc"

    def memory_kb(self, kilobytes: int) -> None:
        (self.proc / "meminfo").write_text(f"MemTotal:       {kilobytes} kB\nMemFree:  1 kB\n")

    def in_group(self, *lines: str) -> None:
        """``lines``: of /proc/self/cgroup."""
        (self.proc / "self" / "cgroup").write_text("".join(f"{line}\n" for line in lines))

    def mounts(self, *described: tuple[str, str, str, str]) -> None:
        """Each: where the tree seen begins, name of the folder, kind of file system, its options."""
        lines = [
            "22 28 0:21 / /proc rw,relatime shared:13 - proc proc rw",
            *(
                f"{30 + at} 23 0:{30 + at} {root} {self.folder}/{name} rw,nosuid shared:9 - {kind} {kind} {options}"
                for at, (root, name, kind, options) in enumerate(described)
            ),
        ]
        (self.proc / "self" / "mountinfo").write_text("".join(f"{line}\n" for line in lines))

    def limit(self, group: str, **values: object) -> None:
        """Write the limits of a group; ``__`` stands for the dot in the name of a file."""
        folder = self.folder / group
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in values.items():
            (folder / name.replace("__", ".")).write_text(f"{value}\n")

    def workers(self, cores: int = 64) -> int:
        return this_machine(self.proc, cores).fitting_workers


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def version_2(host: Host) -> Host:
    host.in_group("0::/system.slice/tonearm.service")
    host.mounts(("/", "cgroup", "cgroup2", "rw,nsdelegate"))
    host.limit("cgroup/system.slice/tonearm.service", cpu__max="max 100000", memory__max="max")
    return host


def test_without_limits_there_is_a_worker_for_each_core_that_the_process_may_run_on(version_2: Host) -> None:
    assert version_2.workers(6) == 6


def test_a_container_of_two_cores_on_a_host_of_64_starts_two(host: Host) -> None:
    host.in_group("0::/")  # a container with a namespace of its own sees its group as the top
    host.mounts(("/", "cgroup", "cgroup2", "rw,nsdelegate"))
    host.limit("cgroup", cpu__max="200000 100000", memory__max="max")
    assert host.workers(64) == 2


@pytest.mark.parametrize(
    ("quota", "workers"), [("150000 100000", 2), ("50000 100000", 1), ("1000 1000000", 1)]
)
def test_a_part_of_a_core_is_used_too(version_2: Host, quota: str, workers: int) -> None:
    version_2.limit("cgroup/system.slice/tonearm.service", cpu__max=quota)
    assert version_2.workers() == workers


def test_the_least_limit_on_the_way_up_applies(version_2: Host) -> None:
    version_2.limit("cgroup/system.slice/tonearm.service", cpu__max="800000 100000")
    version_2.limit("cgroup/system.slice", cpu__max="300000 100000")
    version_2.limit("cgroup/other.slice", cpu__max="100000 100000")
    assert version_2.workers() == 3


def test_memory_limits_the_children(version_2: Host) -> None:
    version_2.limit("cgroup/system.slice/tonearm.service", memory__max=1 << 40)
    version_2.limit("cgroup/system.slice", memory__max=512 << 20)
    assert version_2.workers() == 3
    version_2.limit("cgroup/system.slice", memory__max="max", memory__high=700 << 20)
    assert version_2.workers() == 5
    version_2.limit("cgroup/system.slice", memory__high="max")
    version_2.memory_kb(1 << 20)
    assert version_2.workers() == 8


def test_there_is_always_one_worker(version_2: Host) -> None:
    version_2.limit("cgroup/system.slice/tonearm.service", memory__max=64 << 20)
    assert version_2.workers() == 1


def test_limits_of_version_1_are_read_from_the_tree_of_each_controller(host: Host) -> None:
    host.in_group("4:memory:/docker/ab", "2:cpu,cpuacct:/docker/ab", "1:name=systemd:/docker/ab")
    host.mounts(
        ("/", "cg/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct"),
        ("/", "cg/memory", "cgroup", "rw,memory"),
        ("/", "cg/systemd", "cgroup", "rw,xattr,name=systemd"),
    )
    host.limit("cg/cpu,cpuacct", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100000)
    host.limit("cg/cpu,cpuacct/docker", cpu__cfs_quota_us=400000, cpu__cfs_period_us=100000)
    host.limit("cg/cpu,cpuacct/docker/ab", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100000)
    host.limit("cg/memory/docker/ab", memory__limit_in_bytes=9223372036854771712)
    assert this_machine(host.proc, 64) == Machine(64, 4.0, HUGE >> 10)
    host.limit("cg/memory/docker/ab", memory__limit_in_bytes=450 << 20)
    assert host.workers() == 3


def test_a_container_that_sees_a_part_of_the_tree_finds_its_own_group(host: Host) -> None:
    host.in_group("2:cpu:/docker/ab")
    host.mounts(("/docker/ab", "a\\040b", "cgroup", "rw,cpu"))
    host.limit("a b", cpu__cfs_quota_us=200000, cpu__cfs_period_us=100000)
    assert host.workers() == 2


def test_a_group_outside_what_can_be_seen_has_the_limits_of_the_topmost_one(host: Host) -> None:
    host.in_group("0::/../../other")
    host.mounts(("/", "cgroup", "cgroup2", "rw"))
    host.limit("cgroup", cpu__max="100000 100000")
    assert host.workers() == 1


def test_both_versions_may_be_mounted(host: Host) -> None:
    host.in_group("4:memory:/a", "0::/a")
    host.mounts(("/", "v1", "cgroup", "rw,memory"), ("/", "unified", "cgroup2", "rw"))
    host.limit("v1/a", memory__limit_in_bytes=512 << 20)
    host.limit("unified/a", cpu__max="700000 100000")
    assert this_machine(host.proc, 64) == Machine(64, 7.0, 512)


def test_without_any_of_these_files_the_cores_decide(tmp_path: Path) -> None:
    assert this_machine(tmp_path / "none", 5) == Machine(5, None, None)
    assert this_machine(tmp_path / "none", 5).fitting_workers == 5
    assert this_machine(tmp_path / "none", 4000).fitting_workers == 512
