"""A ratio of costs that has grown too much fails, and the limits have every ratio."""

import tomllib

import pytest

from tests.performance.ratios import COMPARED, LIMITS, LOSS, report, written


def test_the_limits_have_every_ratio_and_no_other() -> None:
    limits = tomllib.loads(LIMITS.read_text(encoding="utf-8"))
    assert list(limits["ratios"]) == [f"{cost} / {base}" for cost, base in COMPARED]


@pytest.mark.parametrize(("factor", "grown"), [(0.5, False), (1 + 0.9 * LOSS, False), (1 + 1.1 * LOSS, True)])
def test_a_ratio_may_grow_by_so_much(factor: float, grown: bool) -> None:
    assert report({"a / b": 2.0 * factor, "c / d": 1.0}, {"a / b": 2.0, "c / d": 1.0}) == grown


def test_limits_can_be_written_and_read() -> None:
    assert tomllib.loads(written({"a / b": 2.5}))["ratios"] == {"a / b": 2.5}
