"""A cursor leads back to its position, and any other text is refused."""

import base64
import functools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.jobs.failed_jobs import FailedPosition
from tonearm.library.features import FeatureTables
from tonearm.views.columns import search_columns
from tonearm.views.index_walks import Position
from tonearm.views.jobs import JobPosition
from tonearm.web import cursors
from tonearm.web.cursors import InvalidCursor


def to_tracks(cursor: str | None) -> Position | None:
    return cursors.to_tracks(cursor, "path", lambda _: True)


READERS: list[Callable[[str | None], Any]] = [
    to_tracks,
    cursors.to_jobs,
    cursors.to_failures,
    functools.partial(cursors.to_id, "runs"),
    functools.partial(cursors.to_name, "workers"),
]
KEYS = st.none() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(KEYS, st.binary(), st.binary())
def test_of_tracks(key: Any, root: bytes, path: bytes) -> None:
    position = Position(key, root, path)
    assert to_tracks(cursors.of_tracks(position, "path")) == position


@given(
    st.integers(0, 2),
    st.floats(0, 1e12),
    st.integers(0, 2**62),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)
def test_of_jobs_failures_ids_and_names(part: int, key: float, number: int, name: str) -> None:
    job, failed = JobPosition(part, key, number), FailedPosition(name, number)
    assert cursors.to_jobs(cursors.of_jobs(job)) == job
    assert cursors.to_failures(cursors.of_failures(failed)) == failed
    assert cursors.to_id("runs", cursors.of_id("runs", number)) == number
    assert cursors.to_name("workers", cursors.of_name("workers", name)) == name


def test_none_is_the_beginning() -> None:
    assert [read(None) for read in READERS] == [None] * len(READERS)


@given(st.text() | st.binary().map(lambda data: cursors._encoded(data.decode("latin-1"))))
def test_another_text_is_refused(text: str) -> None:
    for read in READERS:
        with pytest.raises(InvalidCursor):
            read(text)


def test_numbers_that_no_database_holds_are_refused() -> None:
    with pytest.raises(InvalidCursor):
        cursors.to_id("runs", cursors.of_id("runs", 2**70))
    with pytest.raises(InvalidCursor):
        to_tracks(base64.urlsafe_b64encode(b'["tracks","path",NaN,"",""]').decode().rstrip("="))


@pytest.mark.parametrize("key", ["1", True, 2**63, -(2**70), 10**400, 1.5, "\0", "\ud800"])
def test_a_key_of_another_type_than_the_column_is_refused(key: Any) -> None:
    columns = search_columns(FeatureTables(()))

    def read(column: str) -> None:
        cursor = cursors._encoded(["tracks", column, key, "", ""])
        cursors.to_tracks(cursor, column, columns[column].can_have)

    with pytest.raises(InvalidCursor):
        read("year")
    if not isinstance(key, float):
        with pytest.raises(InvalidCursor):
            read("duration_s")
    if key != "1":
        with pytest.raises(InvalidCursor):
            read("title")


@pytest.mark.parametrize(
    ("read", "values"),
    [
        (cursors.to_jobs, ["jobs", True, True, True]),
        (cursors.to_jobs, ["jobs", 0, 10**400, 1]),
        (cursors.to_jobs, ["jobs", 1, 1.0, 2**63]),
        (cursors.to_failures, ["failures", "\ud800", 1]),
        (cursors.to_failures, ["failures", "\0", 1]),
        (cursors.to_failures, ["failures", "a", True]),
        (functools.partial(cursors.to_id, "runs"), ["runs", True]),
        (functools.partial(cursors.to_name, "workers"), ["workers", "\ud800"]),
        (functools.partial(cursors.to_name, "workers"), ["workers", "\0"]),
    ],
)
def test_values_that_no_row_has_are_refused(read: Callable[[str | None], Any], values: Any) -> None:
    with pytest.raises(InvalidCursor):
        read(cursors._encoded(values))


def test_an_infinite_number_is_refused() -> None:
    for text in (b'["jobs",0,1e999,1]', b'["jobs",0,-1e999,1]'):
        with pytest.raises(InvalidCursor):
            cursors.to_jobs(base64.urlsafe_b64encode(text).decode())


def test_the_cursor_of_another_list_or_order_is_refused() -> None:
    position = Position(None, b"/music", b"a.flac")
    for order in ("bpm", "-path"):
        with pytest.raises(InvalidCursor):
            cursors.to_tracks(cursors.of_tracks(position, order), "path", lambda _: True)
    with pytest.raises(InvalidCursor):
        cursors.to_id("runs", cursors.of_id("audit", 7))
    with pytest.raises(InvalidCursor):
        cursors.to_failures(cursors.of_name("failures", "a"))
