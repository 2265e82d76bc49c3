"""What a process exports of itself at the moment of a scrape."""

import os
from collections.abc import Iterable

from tests.unit.facts import job_ref
from tonearm.events.event import Event
from tonearm.events.facts import ChildEnded, ChildStarted, JobFinished, JobReturned, JobStarted
from tonearm.events.rests import WorkerResting, WorkerResumed
from tonearm.events.states import RestCode
from tonearm.telemetry.metrics_process import Children, ProcessFigures, ProcessSources


def busy_after(events: Iterable[Event]) -> list[int]:
    children = Children()
    counts = []
    for event in events:
        children(event)
        counts.append(children.busy)
    return counts


def test_a_slot_is_busy_until_the_result_of_its_file_is_stored() -> None:
    first, second = job_ref(1), job_ref(2)
    assert busy_after(
        [
            ChildStarted(10),
            ChildStarted(11),
            JobStarted(first, 10),
            JobStarted(second, 11),
            JobFinished(first, "done", 1.0),
            JobReturned(second, "…"),
        ]
    ) == [0, 0, 1, 2, 1, 0]


def test_a_child_that_goes_on_while_a_result_waits_is_one_busy_slot() -> None:
    assert busy_after(
        [
            ChildStarted(10),
            JobStarted(job_ref(1), 10),
            JobStarted(job_ref(2), 10),
            JobFinished(job_ref(1), "done", 1.0),
            ChildEnded(10, "…", "crashed"),
        ]
    ) == [0, 1, 1, 1, 0]


def test_the_memory_of_the_largest_child() -> None:
    children = Children()
    assert children.largest_bytes() == 0
    children(ChildStarted(os.getpid()))
    children(ChildStarted(2**22 + 1))
    assert children.largest_bytes() > 5_000_000


def samples(sources: ProcessSources, name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for metric in ProcessFigures(sources).collect()
        for sample in metric.samples
        if sample.name == f"tonearm_{name}"
    }


def test_each_state_of_a_breaker_is_a_series() -> None:
    sources = ProcessSources(2, breakers=lambda: {"RabbitMQ management": "half_open"})
    assert samples(sources, "breaker_state") == {
        ("rabbitmq-management", "closed"): 0,
        ("rabbitmq-management", "open"): 0,
        ("rabbitmq-management", "half_open"): 1,
    }


def test_idle_slots_are_never_negative() -> None:
    sources = ProcessSources(0)
    sources.children(ChildStarted(1))
    sources.children(JobStarted(job_ref(), 1))
    assert samples(sources, "slots") == {("busy",): 1, ("idle",): 0, ("resting",): 0}


def test_slots_of_a_resting_worker_are_not_idle() -> None:
    sources = ProcessSources(slots=4)
    sources.children(ChildStarted(7))
    sources.children(JobStarted(job_ref(1), 7))
    sources.children(WorkerResting("a", RestCode.LOAD, "others"))
    assert samples(sources, "slots") == {("busy",): 1, ("idle",): 0, ("resting",): 3}
    sources.children(WorkerResumed("a", RestCode.LOAD, 5.0))
    assert samples(sources, "slots") == {("busy",): 1, ("idle",): 3, ("resting",): 0}


def test_a_disk_that_cannot_be_asked_is_left_out() -> None:
    sources = ProcessSources(1, places={"tmp": "/", "data": "/no such folder"})
    assert set(samples(sources, "disk_free_bytes")) == {("tmp",)}
