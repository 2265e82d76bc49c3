"""Calls are repeated while the database server is unavailable, and succeed afterwards."""

import time
from collections.abc import Callable

import pytest

from tonearm.errors import StorageBusy, StorageError, StorageFull, StorageUnavailable, StorageUnusable
from tonearm.events.event import Event
from tonearm.events.services import StorageStateChanged
from tonearm.events.states import StorageState
from tonearm.resilience import storage_retry as patience_module
from tonearm.resilience.storage_retry import BUSY_TRIES, StorageRetry

AWAY = StorageUnavailable("PostgreSQL at here:5432 does not answer")
BUSY = StorageBusy("another transaction was in the way")


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience_module, "PAUSE_S", 0.01)


class Server:
    """Raises the given errors, then answers."""

    def __init__(self, *troubles: StorageError) -> None:
        self.troubles = list(troubles)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.troubles:
            raise self.troubles.pop(0)
        return "the answer"


def patient(stopping: Callable[[], bool] = lambda: False) -> tuple[StorageRetry, list[Event]]:
    told: list[Event] = []
    return StorageRetry(told.append, stopping), told


def test_an_answer_is_handed_on_and_nothing_is_told() -> None:
    storage_retry, told = patient()
    server = Server()
    assert storage_retry(server) == "the answer"
    assert (server.calls, told) == (1, [])


def test_an_answer_may_be_nothing() -> None:
    storage_retry, _ = patient()
    assert storage_retry(lambda: None) is None


def test_a_server_that_is_away_is_waited_for_and_told_of_once() -> None:
    storage_retry, told = patient()
    server = Server(*[AWAY] * 40)
    assert storage_retry(server) == "the answer"
    assert server.calls == 41
    assert told == [
        StorageStateChanged(StorageState.WAITING, str(AWAY)),
        StorageStateChanged(StorageState.AVAILABLE, "the database can be used again"),
    ]
    assert storage_retry(server) == "the answer"
    assert len(told) == 2


def test_it_pauses_between_two_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience_module, "PAUSE_S", 0.1)
    storage_retry, _ = patient()
    began = time.monotonic()
    storage_retry(Server(AWAY, AWAY, AWAY))
    assert time.monotonic() - began >= 3 * 0.05


def test_who_is_asked_to_stop_waits_no_longer() -> None:
    asked = iter([False, False, True])
    storage_retry, told = patient(lambda: next(asked))
    server = Server(*[AWAY] * 40)
    with pytest.raises(StorageUnavailable, match="does not answer"):
        storage_retry(server)
    assert server.calls == 3
    assert told == [StorageStateChanged(StorageState.WAITING, str(AWAY))]


def test_who_is_asked_to_stop_still_gets_what_can_be_had() -> None:
    storage_retry, _ = patient(lambda: True)
    assert storage_retry(Server()) == "the answer"


def test_others_who_are_in_the_way_are_let_through_without_a_word() -> None:
    storage_retry, told = patient()
    server = Server(*[BUSY] * (BUSY_TRIES - 1))
    assert storage_retry(server) == "the answer"
    assert told == []


def test_others_who_are_in_the_way_for_ever_are_an_error() -> None:
    storage_retry, _ = patient()
    server = Server(*[BUSY] * (BUSY_TRIES + 5))
    with pytest.raises(StorageBusy):
        storage_retry(server)
    assert server.calls == BUSY_TRIES


def test_who_is_asked_to_stop_lets_nobody_through() -> None:
    storage_retry, _ = patient(lambda: True)
    server = Server(BUSY)
    with pytest.raises(StorageBusy):
        storage_retry(server)
    assert server.calls == 1


@pytest.mark.parametrize("trouble", [StorageFull("no room"), StorageUnusable("not a database")])
def test_what_does_not_pass_by_itself_is_not_tried_again(trouble: StorageError) -> None:
    storage_retry, told = patient()
    server = Server(trouble)
    with pytest.raises(type(trouble)):
        storage_retry(server)
    assert (server.calls, told) == (1, [])


def test_room_on_the_disk_is_waited_for_for_a_while() -> None:
    told: list[Event] = []
    full = StorageFull("no room on the disk")
    assert StorageRetry(told.append, lambda: False, full_s=60)(Server(*[full] * 20)) == "the answer"
    assert [event.state for event in told if isinstance(event, StorageStateChanged)] == [
        "waiting",
        "available",
    ]
    server = Server(*[full] * 1000)
    with pytest.raises(StorageFull):
        StorageRetry(told.append, lambda: False, full_s=0.1)(server)
    assert 1 < server.calls < 100


def test_an_error_in_what_is_done_is_not_tried_again() -> None:
    storage_retry, _ = patient()
    calls = []

    def wrong() -> None:
        calls.append(1)
        raise KeyError("x")

    with pytest.raises(KeyError):
        storage_retry(wrong)
    assert calls == [1]
