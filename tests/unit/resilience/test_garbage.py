"""How often garbage is looked for."""

import gc

import pytest

from tonearm.resilience.garbage import ALLOCATED, collected_seldom


def test_garbage_is_looked_for_less_often_during_the_block_and_as_before_after_it() -> None:
    before = gc.get_threshold()
    with collected_seldom():
        assert gc.get_threshold() == (ALLOCATED, *before[1:])
    assert gc.get_threshold() == before


def test_garbage_is_looked_for_as_before_after_a_failure() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), collected_seldom():
        _ = 1 // 0
    assert gc.get_threshold() == before


def test_what_exists_before_the_block_is_not_looked_through() -> None:
    with collected_seldom():
        assert gc.get_freeze_count() > 10_000
        made: list[list[object]] = [[]]
        assert any(one is made for one in gc.get_objects())
    assert gc.get_freeze_count() == 0
