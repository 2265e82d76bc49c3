"""A process finds out where its own time goes, and a parent collects that from its children."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tonearm.analysis.bounds import TimeIsUp, bounded
from tonearm.worker.child_main import Child
from tonearm.worker.child_process import ChildProcess
from tonearm.worker.child_protocol import InvalidReply, MessageBuffer
from tonearm.worker.child_sampler import BEGIN, END, ChildSampler
from tonearm.worker.sampling_requests import MANY, ChildSampling
from tonearm.worker.stacks import WAITING, Frame, Stack, Stacks
from tonearm.worker.thread_sampler import MAIN, ThreadSampler


@pytest.fixture
def sent() -> Iterator[list[dict[str, Any]]]:
    """What a sampler of this process sends, which listens until the end of the test."""
    messages: list[dict[str, Any]] = []
    before = {number: signal.getsignal(number) for number in (BEGIN, END, signal.SIGPROF)}
    ChildSampler(messages.append).listen()
    yield messages
    for number, action in before.items():
        signal.signal(number, action)


def compute(seconds: float) -> None:
    """Use the processor for a while."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(1000))


def spent(stacks: Stacks, name: str) -> tuple[float, float]:
    """The seconds in which a function computed and waited."""
    within = [(stack, seconds) for stack, seconds in stacks if any(frame.name == name for frame in stack)]
    waited = sum(seconds for stack, seconds in within if stack[-1] == WAITING)
    return sum(seconds for _, seconds in within) - waited, waited


def test_a_child_tells_work_from_waiting(sent: list[dict[str, Any]]) -> None:
    for _ in range(20):  # a busy machine may keep this process waiting while it computes
        sent.clear()
        os.kill(os.getpid(), BEGIN)
        compute(0.2)
        time.sleep(0.2)
        os.kill(os.getpid(), END)
        compute(0.03)
        [message] = sent
        assert message["last"] is True
        stacks = Stacks.from_document(message["stacks"])
        computed, _ = spent(stacks, "compute")
        _, waited = spent(stacks, "test_a_child_tells_work_from_waiting")
        if computed > 0.1 and waited > 0.1:
            return
    raise AssertionError((computed, waited))


def test_nothing_is_sampled_before_the_signal_and_after_it(sent: list[dict[str, Any]]) -> None:
    compute(0.03)
    os.kill(os.getpid(), BEGIN)
    os.kill(os.getpid(), END)
    compute(0.03)
    os.kill(os.getpid(), END)
    assert [message["stacks"]["stacks"] for message in sent] == [[], []]


def test_the_time_limit_of_tags_holds_while_a_child_samples_itself(sent: list[dict[str, Any]]) -> None:
    os.kill(os.getpid(), BEGIN)
    with bounded(64 << 20, 5.0):
        compute(0.05)
    with pytest.raises(TimeIsUp), bounded(64 << 20, 0.1):
        compute(5.0)
    os.kill(os.getpid(), END)
    assert spent(Stacks.from_document(sent[0]["stacks"]), "compute")[0] > 0.05


def test_where_there_is_no_timer_by_the_clock_computing_is_sampled_all_the_same(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonearm.worker.interval_timer.sys.platform", "plan9")
    os.kill(os.getpid(), BEGIN)
    compute(0.1)
    os.kill(os.getpid(), END)
    assert spent(Stacks.from_document(sent[0]["stacks"]), "compute")[0] > 0.05


class Link:
    """A connection over which the parent's signal to end arrives in the middle of the first message."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        first = not self.sent
        self.sent += data[:5]
        if first:
            os.kill(os.getpid(), END)
        self.sent += data[5:]


@pytest.mark.usefixtures("sent")
def test_stacks_never_come_in_the_middle_of_another_message() -> None:
    link = Link()
    child = Child(cast(socket.socket, link), [], "auto")
    child.listen()
    child.send(stage="decode")
    assert [list(message) for message in MessageBuffer().feed(link.sent)] == [["stage"], ["stacks", "last"]]


def test_all_threads_are_sampled_by_their_names() -> None:
    over = threading.Event()
    waiter = threading.Thread(target=over.wait, name="the waiter")
    waiter.start()
    sampler = ThreadSampler()

    def sample() -> None:
        until = time.monotonic() + 60
        while (
            spent(sampler.stacks, "compute")[0] < 0.06 or spent(sampler.stacks, "thread the waiter")[1] < 0.11
        ):
            assert time.monotonic() < until
            time.sleep(0.01)
            sampler.sample()
        sampler.close()

    sampling = threading.Thread(target=sample, name="the sampler")
    sampling.start()
    while sampling.is_alive():
        compute(0.01)
    over.set()
    waiter.join()
    threads = {stack[0] for stack, _ in sampler.stacks}
    assert {MAIN, Frame("thread the waiter")} <= threads
    assert Frame("thread the sampler") not in threads
    assert spent(sampler.stacks, "compute")[0] > 0.05
    computed, waited = spent(sampler.stacks, "thread the waiter")
    assert waited > 0.1
    assert computed < 0.05


class FakeChild:
    """A child that notes which signals it gets."""

    def __init__(self, pid: int) -> None:
        self.ready, self.killed = True, False
        self.signals: list[int] = []
        self.process = SimpleNamespace(pid=pid, send_signal=self.signals.append)

    @property
    def itself(self) -> ChildProcess:
        return cast(ChildProcess, self)


def answer(stack: Stack, seconds: float = 1.0, last: bool = True) -> dict[str, Any]:
    stacks = Stacks()
    stacks.add(stack, seconds)
    return {"stacks": stacks.to_document(), "last": last}


WORK: Stack = (Frame("work"),)


def attended() -> ChildSampling:
    sampling = ChildSampling()
    sampling.attend()
    return sampling


def ended(sampling: ChildSampling, *children: FakeChild, seconds: float = 0.01) -> Any:
    """End while the supervisor's loop turns; the children answer."""
    waiting = threading.Thread(target=lambda: found.append(sampling.end(seconds)))
    found: list[Any] = []
    waiting.start()
    while waiting.is_alive():
        sampling.turn([child.itself for child in children])
        for child in children:
            if child.signals[-1:] == [END] and child.process.pid % 2:
                sampling.received(child.itself, answer(WORK))
        time.sleep(0.001)
    return found[0]


def test_children_that_start_later_are_asked_too() -> None:
    sampling, first, second = attended(), FakeChild(11), FakeChild(13)
    sampling.turn([first.itself])
    assert first.signals == []
    sampling.begin()
    second.ready = False
    sampling.turn([first.itself, second.itself])
    second.ready = True
    sampling.turn([first.itself, second.itself])
    assert [first.signals, second.signals] == [[BEGIN], [BEGIN]]
    sampling.received(first.itself, answer(WORK, last=False))
    found = ended(sampling, first, second, seconds=10)
    assert {pid: stacks.seconds for pid, stacks in found.stacks.items()} == {11: 2.0, 13: 1.0}
    assert (found.silent, found.ended) == (frozenset(), 0)


def test_a_child_that_does_not_answer_or_ends_is_told() -> None:
    sampling, silent, gone = attended(), FakeChild(12), FakeChild(13)
    sampling.begin()
    sampling.turn([silent.itself, gone.itself])
    sampling.turn([silent.itself])
    found = ended(sampling, silent)
    assert (found.silent, found.ended) == ({12}, 1)


def test_only_one_child_is_asked_or_it_is_known_not_to_be_there() -> None:
    sampling, first, second = attended(), FakeChild(11), FakeChild(13)
    sampling.begin(13)
    assert not sampling.cannot_find()  # the loop has not turned yet
    sampling.turn([first.itself, second.itself])
    assert [first.signals, second.signals] == [[], [BEGIN]]
    sampling.begin(99)
    sampling.turn([first.itself, second.itself])
    assert sampling.cannot_find()


def test_stacks_that_nobody_has_asked_for_are_ignored_and_invalid_ones_refused() -> None:
    sampling, child = attended(), FakeChild(11)
    sampling.received(child.itself, answer(WORK))
    sampling.begin()
    assert sampling.end(0.01).stacks == {}
    with pytest.raises(InvalidReply):
        sampling.received(child.itself, {"stacks": {"frames": 1}, "last": True})


def test_where_no_supervisor_works_or_it_ends_nobody_is_waited_for() -> None:
    sampling = ChildSampling()
    sampling.begin()
    assert sampling.end(100).known == frozenset()
    sampling, child = attended(), FakeChild(12)
    sampling.begin()
    sampling.turn([child.itself])
    sampling.leave()
    assert sampling.end(100).silent == frozenset()


def test_many_children_that_have_ended_are_kept_together() -> None:
    sampling = attended()
    sampling.begin()
    for pid in range(1, 4 * MANY):
        child = FakeChild(pid)
        sampling.turn([child.itself])
        sampling.received(child.itself, answer(WORK, last=False))
    sampling.leave()
    stacks = sampling.end(0.01).stacks
    assert len(stacks) <= MANY + 1
    assert sum(each.seconds for each in stacks.values()) == 4 * MANY - 1
