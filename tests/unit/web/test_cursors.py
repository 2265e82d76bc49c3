"""A cursor leads back to its position, and any other text is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.jobs.failed_jobs import FailedPosition
from tonearm.views.jobs import JobPosition
from tonearm.views.walks import Position
from tonearm.web import cursors
from tonearm.web.cursors import InvalidCursor

READERS: list[Callable[[str | None], Any]] = [
    cursors.to_tracks,
    cursors.to_jobs,
    cursors.to_failures,
    cursors.to_id,
    cursors.to_name,
]
KEYS = st.none() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(KEYS, st.binary(), st.binary())
def test_of_tracks(key: Any, root: bytes, path: bytes) -> None:
    position = Position(key, root, path)
    assert cursors.to_tracks(cursors.of_tracks(position)) == position


@given(st.integers(0, 2), st.floats(0, 1e12), st.integers(0, 2**62), st.text())
def test_of_jobs_failures_ids_and_names(part: int, key: float, number: int, name: str) -> None:
    job, failed = JobPosition(part, key, number), FailedPosition(name, number)
    assert cursors.to_jobs(cursors.of_jobs(job)) == job
    assert cursors.to_failures(cursors.of_failures(failed)) == failed
    assert cursors.to_id(cursors.of_id(number)) == number
    assert cursors.to_name(cursors.of_name(name)) == name


def test_none_is_the_beginning() -> None:
    assert [read(None) for read in READERS] == [None] * len(READERS)


@given(st.text() | st.binary().map(lambda data: cursors._encoded(data.decode("latin-1"))))
def test_another_text_is_refused(text: str) -> None:
    for read in READERS:
        with pytest.raises(InvalidCursor):
            read(text)


def test_numbers_that_no_database_holds_are_refused() -> None:
    with pytest.raises(InvalidCursor):
        cursors.to_id(cursors.of_id(2**70))
    with pytest.raises(InvalidCursor):
        cursors.to_tracks("W05hTiwiIiwiIl0")  # [NaN,"",""]
