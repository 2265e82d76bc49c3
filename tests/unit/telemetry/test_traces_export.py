"""Spans are sent in batches by another thread; a receiver that is slow or away costs spans, never time."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.program import until
from tonearm.telemetry.traces_export import ExportPolicy, ExportThread
from tonearm.telemetry.traces_spans import SpanRecord

T = "1" * 32


def span(number: int) -> SpanRecord:
    return SpanRecord(f"s{number}", T, f"{number + 1:016x}", None, 0, 1)


class Receiver:
    """Takes spans, fails or hangs, as told."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.error: str | None = None
        self.entered = threading.Event()
        self.free = threading.Event()
        self.free.set()
        self.deaf = False

    def export(self, spans: Sequence[SpanRecord]) -> str | None:
        self.entered.set()
        self.free.wait(60)
        if self.error is None:
            self.batches.append([span.name for span in spans])
        return self.error

    def interrupt(self) -> None:
        if not self.deaf:
            self.free.set()

    @property
    def names(self) -> list[str]:
        return [name for batch in self.batches for name in batch]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.free.set()


@pytest.fixture
def told() -> list[str | None]:
    return []


@pytest.fixture
def make(receiver: Receiver, told: list[str | None]) -> Callable[..., ExportThread]:
    def thread(room: int = 100, batch: int = 10, delay_s: float = 60) -> ExportThread:
        made = ExportThread(receiver, ExportPolicy(room, batch, delay_s), told.append)
        made.start()
        return made

    return thread


def test_a_full_batch_is_sent_at_once_and_the_rest_at_the_end(
    make: Callable[..., ExportThread], receiver: Receiver
) -> None:
    export = make()
    export.put(23, map(span, range(23)))
    until(lambda: len(receiver.batches) >= 2)
    export.close()
    assert [len(batch) for batch in receiver.batches] == [10, 10, 3]
    assert receiver.names == [f"s{number}" for number in range(23)]
    assert (export.counts.exported, export.counts.lost) == (23, 0)


def test_an_exporter_that_raises_costs_spans_and_not_the_thread(
    make: Callable[..., ExportThread],
    receiver: Receiver,
    told: list[str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    export = make(batch=1)
    with monkeypatch.context() as broken:
        broken.setattr(receiver, "export", lambda _: 1 / 0)
        export.put(1, [span(1)])
        until(lambda: export.counts.failed == 1)
    export.put(1, [span(2)])
    until(lambda: export.counts.exported == 1)
    until(lambda: len(told) == 2)
    assert str(told[0]).startswith("the exporter failed: ZeroDivisionError")
    assert told[1] is None
    export.close()


def test_a_batch_that_is_not_full_is_sent_when_its_time_has_come(
    make: Callable[..., ExportThread], receiver: Receiver
) -> None:
    export = make(delay_s=0.02)
    export.put(1, [span(1)])
    until(lambda: receiver.names == ["s1"])
    export.close()


def test_what_does_not_fit_is_counted_and_told_once(
    make: Callable[..., ExportThread], receiver: Receiver, told: list[str | None]
) -> None:
    receiver.free.clear()
    export = make(room=12)
    export.put(10, map(span, range(10)))
    assert receiver.entered.wait(60)
    began = time.monotonic()
    for number in range(1000):
        export.put(1, [span(number)])
    assert time.monotonic() - began < 50  # the receiver holds its thread for 60 s
    assert export.counts.dropped == 1000 - 12
    assert len(told) == 1
    receiver.free.set()
    export.close()
    assert export.counts.exported == 22


def test_failures_are_told_once_and_again_when_they_are_over(
    make: Callable[..., ExportThread], receiver: Receiver, told: list[str | None]
) -> None:
    receiver.error = "no"
    export = make(batch=1)
    for number in range(3):
        export.put(1, [span(number)])
    until(lambda: export.counts.failed == 3)
    receiver.error = None
    export.put(1, [span(4)])
    until(lambda: export.counts.exported == 1)
    export.close()
    assert told == ["no", None]


@pytest.mark.parametrize("deaf", [False, True], ids=["can be interrupted", "can't be interrupted"])
def test_the_end_waits_a_second_for_a_receiver_that_hangs(
    make: Callable[..., ExportThread], receiver: Receiver, told: list[str | None], deaf: bool
) -> None:
    receiver.free.clear()
    receiver.deaf = deaf
    receiver.error = "interrupted"
    export = make()
    export.put(10, map(span, range(10)))
    assert receiver.entered.wait(60)
    export.put(5, map(span, range(5)))
    began = time.monotonic()
    export.close()
    assert 0.5 < time.monotonic() - began < 50
    assert (export.counts.exported, export.counts.lost) == (0, 15)
    assert len(told) == 1


def test_a_mistake_in_building_some_spans_costs_these_spans(
    make: Callable[..., ExportThread], receiver: Receiver, told: list[str | None]
) -> None:
    def mistaken() -> Iterator[SpanRecord]:
        yield span(1)
        raise ValueError("wrong")

    export = make()
    export.put(2, mistaken())
    export.put(1, [span(2)])
    export.close()
    assert receiver.names == ["s2"]
    assert export.counts.dropped == 2
    assert len(told) == 2  # lost, and sending works again


def test_after_the_end_spans_are_only_counted(make: Callable[..., ExportThread], receiver: Receiver) -> None:
    export = make()
    export.close()
    export.put(3, map(span, range(3)))
    assert (receiver.batches, export.counts.dropped) == ([], 3)
