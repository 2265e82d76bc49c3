"""A person relies on: nothing measured is thrown away because the disk is full or the database is held."""

import time

import pytest

from tonearm.errors import StorageAway, StorageBusy, StorageError, StorageFull, StorageUnusable
from tonearm.worker import pending_writes as books_module
from tonearm.worker.pending_writes import PendingWrites


class Disk:
    """A store that can be out of order."""

    def __init__(self) -> None:
        self.trouble: StorageError | None = None
        self.stored: list[str] = []
        self.asked = 0

    def store(self, what: str) -> None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        self.stored.append(what)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    monkeypatch.setattr(books_module, "PAUSE_S", 0.02)
    return Disk()


def owe(books: PendingWrites, disk: Disk, *things: str) -> None:
    for thing in things:
        books.owe(lambda thing=thing: disk.store(thing))  # type: ignore[misc]


def keep_trying(books: PendingWrites, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        books.settle()
        time.sleep(0.005)


def test_what_can_be_stored_is_stored_at_once(disk: Disk) -> None:
    books = PendingWrites(10)
    owe(books, disk, "a", "b")
    assert disk.stored == ["a", "b"]
    assert not books.owed
    assert books.trouble is None


@pytest.mark.parametrize("trouble", [StorageFull("no room"), StorageBusy("held")])
def test_what_cannot_be_stored_now_is_stored_later_in_its_order(
    disk: Disk, trouble: StorageError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books_module, "PAUSE_S", 0.3)
    books = PendingWrites(10)
    owe(books, disk, "a")
    disk.trouble = trouble
    owe(books, disk, "b", "c")
    assert (books.owed, books.trouble) == (True, str(trouble))
    disk.trouble = None
    owe(books, disk, "d")
    assert disk.stored == ["a"]  # not before its pause is over, and never past what waits
    time.sleep(0.31)
    books.settle()
    assert disk.stored == ["a", "b", "c", "d"]
    assert (books.owed, books.trouble) == (False, None)


def test_a_store_in_trouble_is_not_asked_all_the_time(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books_module, "PAUSE_S", 60)
    books = PendingWrites(10)
    disk.trouble = StorageFull("no room")
    owe(books, disk, "a")
    for _ in range(1000):
        books.settle()
    assert disk.asked == 1


def test_it_gives_up_when_nothing_was_stored_for_too_long(disk: Disk) -> None:
    books = PendingWrites(0.1)
    disk.trouble = StorageFull("no room")
    owe(books, disk, "a")
    began = time.monotonic()
    with pytest.raises(StorageFull, match="no room"):
        keep_trying(books, 5)
    assert 0.1 <= time.monotonic() - began < 4
    assert books.owed


def test_a_full_disk_that_can_be_read_is_still_full(disk: Disk) -> None:
    books = PendingWrites(0.2)
    disk.trouble = StorageFull("no room")
    owe(books, disk, "a")
    began = time.monotonic()

    def go_on() -> None:
        while time.monotonic() < began + 5:
            books.settle()
            time.sleep(0.005)
            books.ask(lambda: "an answer")  # from time to time just after the pause
            books.change(lambda: "nothing to change")
            assert books.trouble == "no room"

    with pytest.raises(StorageFull, match="no room"):
        go_on()
    assert books.owed


def test_what_can_not_be_changed_is_in_trouble_until_it_can(disk: Disk) -> None:
    books = PendingWrites(10)
    disk.trouble = StorageFull("no room")
    assert books.change(lambda: disk.store("a")) is None
    time.sleep(0.03)
    assert books.ask(lambda: 7) == 7
    assert books.trouble == "no room"
    disk.trouble = None
    books.change(lambda: disk.store("a"))
    assert books.trouble is None


def test_a_server_that_answers_is_back(disk: Disk) -> None:
    books = PendingWrites(0)
    disk.trouble = StorageAway("gone")
    owe(books, disk, "a")
    time.sleep(0.03)
    assert books.ask(lambda: 7) == 7
    assert (books.trouble, books.owed) == (None, True)


def test_the_time_counts_from_the_last_success(disk: Disk) -> None:
    books = PendingWrites(0.6)
    for number in range(4):
        disk.trouble = StorageFull("no room")
        owe(books, disk, f"{number}")
        keep_trying(books, 0.25)
        disk.trouble = None
        time.sleep(0.03)
        books.settle()
        assert not books.owed
    assert disk.stored == ["0", "1", "2", "3"]


def test_trouble_of_another_kind_is_not_waited_for(disk: Disk) -> None:
    books = PendingWrites(10)
    disk.trouble = StorageUnusable("not a database")
    with pytest.raises(StorageUnusable):
        owe(books, disk, "a")


def test_a_question_has_its_answer_or_none_while_there_is_trouble(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books_module, "PAUSE_S", 0.3)
    books = PendingWrites(10)
    assert books.ask(lambda: 7) == 7
    disk.trouble = StorageBusy("held")
    assert books.ask(lambda: disk.store("x")) is None
    assert books.trouble == "held"
    asked = disk.asked
    assert books.ask(lambda: disk.store("x")) is None
    assert disk.asked == asked
    time.sleep(0.31)
    assert books.ask(lambda: 8) == 8
    assert books.trouble is None
