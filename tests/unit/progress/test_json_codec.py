"""Values are unchanged after passing through Redis, and invalid data there is ignored."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.progress.json_codec import (
    Unreadable,
    files_from_json,
    files_to_json,
    notice_from_json,
    notice_to_json,
    snapshot_from_json,
    snapshot_to_json,
)
from tonearm.progress.port import Notice, RunningFile, RunProgress, Snapshot

COUNT = st.integers(0, 2**60)
TEXT = st.text(max_size=20)
WORKER = st.binary(max_size=20).map(lambda name: name.decode("utf-8", "surrogateescape"))
TIME = st.floats(0, 1e12)
FILES = st.lists(
    st.builds(
        RunningFile,
        worker=WORKER,
        job=COUNT,
        run=COUNT,
        path=st.binary(max_size=50),
        extension=TEXT,
        size=COUNT,
        stage=TEXT,
        fraction=st.none() | st.floats(0, 1),
        attempt=COUNT,
        since_s=TIME,
    ),
    max_size=4,
)
SNAPSHOTS = st.builds(
    Snapshot,
    at=TIME,
    queued=st.dictionaries(TEXT, COUNT, max_size=5),
    retrying=COUNT,
    running=COUNT,
    unsent=COUNT,
    runs=st.lists(
        st.builds(RunProgress, COUNT, TEXT, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT), max_size=3
    ).map(tuple),
)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT


@given(FILES)
def test_files_come_out_as_they_went_in(files: list[RunningFile]) -> None:
    assert files_from_json(files_to_json(files), 0.0) == files


@given(SNAPSHOTS)
def test_snapshots_come_out_as_they_went_in(snapshot: Snapshot) -> None:
    assert snapshot_from_json(snapshot_to_json(snapshot)) == snapshot


@given(WORKER, st.dictionaries(TEXT, VALUES, max_size=4))
def test_notices_come_out_as_they_went_in(worker: str, message: dict[str, object]) -> None:
    assert notice_from_json(notice_to_json(worker, message)) == Notice(worker, message)


FOREIGN = [
    b"",
    b"\xff\xfe",
    b"not json",
    b"null",
    b"7",
    b"{}",
    b"[[]]",
    b"[" * 100_000,
    b'{"at":1e999,"queued":{"low":1e999},"retrying":0,"running":0,"unsent":0,"runs":[]}',
    b'[{"worker":"a"}]',
    b'{"at":1,"queued":[],"retrying":0,"running":0,"unsent":0,"runs":[]}',
    b'{"at":1,"queued":{},"retrying":0,"running":0,"unsent":0,"runs":[{"run":1,"colour":2}]}',
    b'{"worker":"a","message":5}',
    b'[{"worker":"a","job":1,"run":1,"path":7,"extension":"","size":1,"stage":"","fraction":null,"attempt":1,"since_s":0}]',
]


@pytest.mark.parametrize("text", FOREIGN)
@pytest.mark.parametrize(
    "read",
    [lambda text: files_from_json(text, 0.0), snapshot_from_json, notice_from_json],
    ids=["files", "snapshot", "notice"],
)
def test_what_another_program_wrote_is_unreadable_and_no_more(
    read: Callable[[bytes], object], text: bytes
) -> None:
    with pytest.raises(Unreadable):
        read(text)
