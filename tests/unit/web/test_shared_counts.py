"""A number is counted once for each revision of the library, by one instance for all."""

from collections import Counter

import pytest

from tests.memory_shared import MemoryShared
from tests.unit.library_fixture import Library, result
from tonearm.views.revision import read_revision
from tonearm.web.shared_counts import LONGEST_S, LOOK_S, Counted


class World:
    """A library whose revision and clock a test sets."""

    def __init__(self) -> None:
        self.now, self.revision, self.counts = 0.0, "1", 0
        self.shared = MemoryShared()
        self.results = Counter[str]()

    def instance(self) -> Counted:
        return Counted(
            lambda: self.revision, self.shared, lambda one: self.results.update([one]), lambda: self.now
        )

    def count(self) -> int:
        self.counts += 1
        return self.counts


@pytest.fixture
def world() -> World:
    return World()


def test_it_is_counted_again_after_a_change_and_not_before(world: World) -> None:
    counted = world.instance()
    assert [counted.get("tracks", world.count) for _ in range(3)] == [1, 1, 1]
    world.now = LOOK_S
    assert counted.get("tracks", world.count) == 1
    world.revision, world.now = "2", 2 * LOOK_S
    assert counted.get("tracks", world.count) == 2
    assert counted.get("others", world.count) == 3
    assert world.results == {"here": 3, "miss": 3}


def test_another_instance_counts_nothing_for_the_same_revision(world: World) -> None:
    first, second = world.instance(), world.instance()
    assert first.get("tracks", world.count) == second.get("tracks", world.count) == 1
    world.shared.away = True
    assert world.instance().get("tracks", world.count) == 2
    assert world.results == {"miss": 2, "shared": 1}


def test_what_changes_unseen_is_counted_after_a_while(world: World) -> None:
    counted = world.instance()
    counted.get("tracks", world.count)
    world.shared.flush()
    world.now = LONGEST_S
    assert counted.get("tracks", world.count) == 2


def test_the_revision_differs_once_a_file_has_results(library: Library) -> None:
    run = library.run()
    seen = {read_revision(library.database)}
    library.meet(run, b"1.flac")
    seen.add(read_revision(library.database))
    library.finish(run, b"1.flac", result("2" * 8))
    seen.add(read_revision(library.database))
    assert len(seen) == 3
    assert read_revision(library.database) in seen
