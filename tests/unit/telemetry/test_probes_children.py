"""Whether children start is known from those that the work needs; otherwise a real one is started."""

import errno
import os

from tests.clock import Clock
from tonearm.events.facts import ChildEnded, ChildReady
from tonearm.settings import load_settings
from tonearm.telemetry.probes import Status
from tonearm.telemetry.probes_children import TRUSTED_S, ChildrenProbe
from tonearm.worker.child_process import ChildProcess

READY = "import os, socket, sys, time; from tonearm.worker.child_protocol import encode; socket.socket(fileno=int(sys.argv[1])).sendall(encode({'ready': 1, 'unsealed': None})); time.sleep(1000)"  # noqa: E501  a program
BROKEN = "import sys; sys.exit('numpy can not be loaded')"


class Starts:
    """Starts children that run a program, and counts them."""

    def __init__(self, program: str) -> None:
        self.children: list[ChildProcess] = []
        self.program = program

    def __call__(self) -> ChildProcess:
        self.children.append(ChildProcess(load_settings({}), ("-c", self.program)))
        return self.children[-1]


def test_a_real_child_is_started_and_ended_where_none_is_known() -> None:
    starts = Starts(READY)
    probe = ChildrenProbe(starts)
    found = probe.ask()
    assert (found.status, found.unit) == (Status.PASS, "s")
    assert found.value is not None
    assert found.value > 0
    assert [child.process.poll() is None for child in starts.children] == [False]
    probe.ask()
    assert len(starts.children) == 1  # it is evidence for a while


def test_children_that_do_not_start_fail_with_their_last_words() -> None:
    found = ChildrenProbe(Starts(BROKEN)).ask()
    assert found.status is Status.FAIL
    assert found.output == "child processes do not start: numpy can not be loaded"
    assert found.advice


def test_a_child_that_is_ready_for_the_work_is_evidence_enough() -> None:
    starts, clock = Starts(BROKEN), Clock(100.0)
    probe = ChildrenProbe(starts, clock)
    probe(ChildReady(7, 0.75))
    clock.now += 10 * TRUSTED_S
    assert (probe.ask().status, probe.ask().value) == (Status.PASS, 0.75)
    probe(ChildEnded(7, "recycled"))
    assert probe.ask().status is Status.FAIL
    assert len(starts.children) == 1


def test_a_child_that_ends_before_it_is_ready_makes_the_next_check_real() -> None:
    starts = Starts(BROKEN)
    probe = ChildrenProbe(starts)
    probe(ChildReady(7, 0.75))
    probe(ChildEnded(7, "not needed"))
    assert probe.ask().status is Status.PASS
    probe(ChildEnded(8, "it crashed", "crashed-11"))
    assert probe.ask().status is Status.FAIL


def test_a_system_that_refuses_another_process_is_told() -> None:
    def refused() -> ChildProcess:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    found = ChildrenProbe(refused).ask()
    assert found.status is Status.FAIL
    assert found.output == f"child processes do not start: {os.strerror(errno.EAGAIN)}"
