"""How many messages a process asks RabbitMQ for."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tonearm.bootstrap.worker import WorkerParts, broker_connection
from tonearm.settings import Settings


@pytest.mark.parametrize(("workers", "prefetch", "asked"), [(4, 0, 4), (4, 3, 7), (0, 3, 0)])
def test_a_worker_asks_for_messages_for_its_slots_and_those_ahead(
    workers: int, prefetch: int, asked: int
) -> None:
    asked_for = []

    @contextlib.contextmanager
    def open_broker(messages: int, *_: object) -> Iterator[None]:
        asked_for.append(messages)
        yield

    parts: Any = SimpleNamespace(
        library=SimpleNamespace(settings=Settings(workers=workers, prefetch=prefetch)),
        servers=SimpleNamespace(open_broker=open_broker),
        stop=SimpleNamespace(wake=lambda: None),
    )
    with broker_connection(cast(WorkerParts, parts), "w1") as broker:
        assert broker is None
    assert asked_for == [asked]
