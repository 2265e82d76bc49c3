"""Figures over a library are exported by the leader while its database answers, and by nobody else."""

import contextlib
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection

from tests.unit.library_fixture import Library
from tonearm.errors import ServiceUnavailable, StorageUnavailable
from tonearm.library.leader import SoleProcess
from tonearm.telemetry import metrics_library
from tonearm.telemetry.metrics_library import LibraryFigures


class Another:
    """Another process leads."""

    closed = False

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection | None]:
        yield None

    def close(self) -> None:
        self.closed = True


class Away(Another):
    """The database does not answer."""

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection | None]:
        yield self.connect()

    def connect(self) -> Connection | None:
        raise StorageUnavailable("no answer")


class Hanging(Another):
    """The database hangs."""

    let_go = threading.Event()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection | None]:
        self.let_go.wait(60)
        yield None


def names(figures: LibraryFigures) -> set[str]:
    return {metric.name.removeprefix("tonearm_") for metric in figures.collect()}


def messages() -> list[SimpleNamespace]:
    return [SimpleNamespace(name="jobs", ready=3, unacknowledged=1)]


def test_the_leader_exports_everything(library: Library) -> None:
    figures = LibraryFigures(SoleProcess(library.database), has_outbox=True, ask_broker=messages)
    assert names(figures) == {
        "queue_jobs",
        "queue_oldest_age_seconds",
        "workers",
        "suspect_files",
        "outbox_jobs",
        "broker_messages",
    }
    figures.close()


def test_what_the_broker_does_not_answer_is_absent_alone(library: Library) -> None:
    def away() -> list[SimpleNamespace]:
        raise ServiceUnavailable("no answer")

    figures = LibraryFigures(SoleProcess(library.database), has_outbox=False, ask_broker=away)
    assert names(figures) == {"queue_jobs", "queue_oldest_age_seconds", "workers", "suspect_files"}
    figures.close()


@pytest.mark.parametrize("leadership", [Another(), Away()])
def test_others_and_a_leader_without_its_database_export_nothing(leadership: Another) -> None:
    figures = LibraryFigures(leadership, has_outbox=True, ask_broker=messages)
    assert names(figures) == set()
    figures.close()
    assert leadership.closed


def test_a_database_that_hangs_delays_a_scrape_no_longer_than_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics_library, "LIMIT_S", 0.1)
    hanging = Hanging()
    figures = LibraryFigures(hanging, has_outbox=True, ask_broker=None)
    began = time.monotonic()
    assert names(figures) == set()
    assert time.monotonic() - began < 50
    hanging.let_go.set()
    figures.close()
