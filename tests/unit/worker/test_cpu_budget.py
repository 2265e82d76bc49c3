"""A worker keeps to its share of the CPU time, and a suspended child uses up nothing of its deadline."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import until
from tests.unit.library_fixture import Library
from tonearm.events.facts import ChildEnded, ChildStarted
from tonearm.settings import load_settings
from tonearm.worker.child_process import ChildProcess
from tonearm.worker.cpu_budget import CpuBudget
from tonearm.worker.opener_pool import Openers, OpenFile
from tonearm.worker.own_cpu import OwnCpu
from tonearm.worker.safe_open import FileStatus


class Child(ChildProcess):
    """A child that notes whether it is suspended, without a process."""

    def __init__(self) -> None:
        self.suspended = False

    def suspend(self) -> None:
        """Note it."""
        self.suspended = True

    def resume(self) -> None:
        """Note it."""
        self.suspended = False


@pytest.mark.parametrize("cores", [0.1, 0.5, 1.0, 1.9])
def test_on_average_no_more_cpu_time_is_used_than_allowed(cores: float) -> None:
    now = used = 0.0
    children = [Child(), Child()]
    budget = CpuBudget(cores, lambda: used, lambda: now)
    while now < 60:
        step = min(0.25, budget.turn(children))
        now += step
        used += step * sum(not child.suspended for child in children)
    assert used == pytest.approx(60 * cores, rel=0.1)


def test_what_is_owed_is_bounded() -> None:
    now = used = 0.0
    children = [Child()]
    budget = CpuBudget(0.5, lambda: used, lambda: now)
    used += 1000  # a long scan
    budget.turn(children)
    assert children[0].suspended
    now += 6
    budget.turn(children)
    assert not children[0].suspended


@pytest.fixture
def child(tmp_path: Path) -> Iterator[ChildProcess]:
    child = ChildProcess(load_settings({"data_dir": tmp_path}), ("-c", "while True: pass"))
    yield child
    child.kill(None)
    child.close()


def state_of(child: ChildProcess) -> str:
    return Path(f"/proc/{child.process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_suspended_child_waits_and_so_does_its_deadline(
    child: ChildProcess, library: Library, tmp_path: Path
) -> None:
    path = tmp_path / "1.mp3"
    path.write_bytes(b"1")
    library.meet(library.run(), b"1.mp3")
    child.ready = True
    openers = Openers(lambda *_: None, lambda _: None, lambda *_: None)
    child.expect_file(library.take(), os.fsencode(path))
    child.file_opened(OpenFile(openers, 1, os.fsencode(path), FileStatus.of(path.stat())))
    deadline = child.act_at
    child.suspend()
    child.suspend()
    until(lambda: state_of(child) == "T")
    assert child.act_at == float("inf")
    time.sleep(0.05)
    child.resume()
    until(lambda: state_of(child) != "T")
    assert deadline + 0.05 <= child.act_at < deadline + 30
    child.suspend()
    child.kill(None)  # also while it is suspended
    until(lambda: child.process.poll() == -signal.SIGKILL)


def test_the_cpu_time_of_living_and_ended_children_is_counted(child: ChildProcess) -> None:
    own = OwnCpu()
    before = own.seconds()
    own(ChildStarted(child.process.pid))
    until(lambda: own.seconds() > before + 0.05)
    living = own.seconds()
    child.kill(None)
    child.reap()
    own(ChildEnded(child.process.pid, "killed"))
    assert own.seconds() >= living
