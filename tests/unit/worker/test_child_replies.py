"""Only valid numbers are stored, and no message of a child can cause an error in its parent."""

import io
import math
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.tagging import retagged
from tests.unit.library_fixture import Library, finish_one
from tonearm.analysis.tags import read_tags
from tonearm.events.states import Severity
from tonearm.jobs.lease import Lease
from tonearm.worker.child_process import Assignment
from tonearm.worker.child_protocol import InvalidReply, Message
from tonearm.worker.child_replies import parsed_failure, parsed_identity, parsed_log, result_of
from tonearm.worker.opener_pool import Openers, OpenFile
from tonearm.worker.safe_open import FileStatus

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


SOUND = {"codec": "flac", "sample_rate_hz": 44_100, "channels": 2, "bit_depth": 16}
FILE = {"container": "flac", "bit_rate_bps": None, "declared_s": 20.0, "declared_exact": True, "cut": ""}
DECODED = {"decoded_s": 20.0, "intact": True, "warnings": []}


def identity(**changes: Any) -> Message:
    tags = {"title": "Blue", "everything": {"TIT2": ["Blue"]}}
    return {"hash": "h", "sound": SOUND, "file": FILE, "tags": tags} | changes


def finished(**changes: Any) -> Message:
    findings = {"tempo": {"version": 2, "values": {"bpm": 120.0}, "series": {"beats": [1.0]}}}
    return {"finished": True, "decoded": DECODED, "findings": findings, "timings": {}} | changes


@pytest.fixture
def lease(library: Library) -> Lease:
    library.meet(library.run(), b"1.flac")
    return library.take()


def in_hand(lease: Lease, said: Message | None, folder: Path) -> Assignment:
    """A file of which its child has said what it is."""
    known = None if said is None else parsed_identity(said)
    openers = Openers(lambda *_: None, lambda _: None, lambda *_: None)
    file = OpenFile(openers, 1, b"/music/1.flac", FileStatus.of(os.stat(folder)))
    return Assignment(lease, file.path, time.monotonic(), 0.0, file, identity=known)


def test_what_a_child_measured_can_be_stored(library: Library, lease: Lease, tmp_path: Path) -> None:
    outcome = result_of(in_hand(lease, identity(), tmp_path), finished(), 1.5)
    ending = finish_one(library.job_store, lease, outcome)
    assert ending is not None
    assert ending.state == "done"
    [row] = library.rows("SELECT title, everything FROM tags")
    assert row == {"title": "Blue", "everything": '{"TIT2": ["Blue"]}'}
    assert library.rows("SELECT scalars FROM analyses") == [{"scalars": '{"bpm": 120.0}'}]
    assert library.file(b"1.flac")["inode"] == os.stat(tmp_path).st_ino


def test_a_guessed_duration_is_not_stored_as_a_declared_one(lease: Lease, tmp_path: Path) -> None:
    guessed = identity(file=FILE | {"declared_exact": False})
    assert result_of(in_hand(lease, guessed, tmp_path), finished(), 0.0).file.exact_s is None
    assert result_of(in_hand(lease, identity(), tmp_path), finished(), 0.0).file.exact_s == 20.0


def test_a_file_whose_audio_is_known_has_an_empty_report(lease: Lease, tmp_path: Path) -> None:
    outcome = result_of(in_hand(lease, identity(), tmp_path), finished(decoded=None, findings={}), 0.0)
    assert (outcome.decoded, outcome.findings) == (None, {})


def test_a_value_that_is_not_of_its_columns_type_is_unknown(lease: Lease, tmp_path: Path) -> None:
    strange = {
        "tempo": {"version": 2, "values": {"bpm": "fast", "bpm_start": 10**400, "bpm_end": 90}, "series": {}},
        "key": {"version": 1, "values": {"key": 1, "key_root": True, "camelot": "8A"}, "series": {}},
    }
    outcome = result_of(in_hand(lease, identity(), tmp_path), finished(findings=strange), 0.0)
    assert outcome.findings == {
        "tempo": (2, {"bpm": None, "bpm_start": None, "bpm_end": 90}, {}),
        "key": (1, {"key": None, "key_root": None, "camelot": "8A"}, {}),
    }


def test_a_hundred_performers_are_no_nonsense() -> None:
    performers = [f"Orchestra and choir of the opera, desk {number}" for number in range(150)]
    tagged = retagged("flac", lambda opened: opened.update(artist=performers))
    tags = asdict(read_tags(io.BytesIO(tagged)))
    said = parsed_identity(identity(tags=tags)).tags
    assert said.artist is not None
    assert said.artist.startswith("; ".join(performers[:50]))
    assert said.everything["ARTIST"] == performers


HOSTILE: dict[str, tuple[Message | None, Message]] = {
    "a finding with half a character": (
        identity(),
        finished(findings={"tempo\ud800": {"version": 1, "values": {"\ud800": "\ud800"}, "series": {}}}),
    ),
    "no timings": (identity(), {"finished": True, "decoded": None, "findings": {}}),
    "a time that is a text": (identity(), finished(timings={"decode": "long"})),
    "no identity": (None, finished()),
    "no report": (identity(), {"finished": True}),
    "findings are a list": (identity(), finished(findings=[])),
    "a finding is a text": (identity(), finished(findings={"tempo": "fast"})),
    "a version that is none": (
        identity(),
        finished(findings={"tempo": {"version": "x", "values": {}, "series": {}}}),
    ),
    "values are a number": (
        identity(),
        finished(findings={"tempo": {"version": 1, "values": 1, "series": {}}}),
    ),
    "facts are a list": (identity(sound=[]), finished()),
    "facts of the file are a text": (identity(file="flac"), finished()),
    "a bit rate below zero": (identity(file=FILE | {"bit_rate_bps": -1}), finished()),
    "a length that is a truth": (identity(file=FILE | {"declared_s": True}), finished()),
    "tags are a text": (identity(tags="loud"), finished()),
    "a title that is a list": (identity(tags={"title": ["a"]}), finished()),
    "a title with half a character": (identity(tags={"title": "\ud800"}), finished()),
    "a year beyond the calendar": (identity(tags={"year": 10**30}), finished()),
    "tags that hold half a character": (identity(tags={"everything": {"\ud800": ["\udc80\0"]}}), finished()),
    "a codec with half a character": (identity(sound=SOUND | {"codec": "\ud800"}), finished()),
    "no codec": (identity(sound={}), finished()),
    "a report that is a number": (identity(), finished(decoded=3)),
    "warnings that are a number": (
        identity(),
        finished(decoded={"decoded_s": 1.0, "intact": True, "warnings": 3}),
    ),
    "a duration that is a text": (
        identity(),
        finished(decoded={"decoded_s": "long", "intact": "yes", "warnings": []}),
    ),
    "a duration that is endless": (
        identity(),
        finished(decoded={"decoded_s": math.inf, "intact": True, "warnings": []}),
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_child_says_is_nonsense_or_can_be_stored(
    library: Library, lease: Lease, tmp_path: Path, name: str
) -> None:
    said, end = HOSTILE[name]
    try:
        outcome = result_of(in_hand(lease, said, tmp_path), end, 0.0)
    except InvalidReply:
        return  # its parent takes it for nonsense, and ends it
    assert finish_one(library.job_store, lease, outcome) is not None
    for row in library.rows("SELECT decoded_s, declared_s FROM files JOIN audio ON audio.id = audio_id"):
        assert all(
            value is None or (isinstance(value, float) and math.isfinite(value)) for value in row.values()
        )


def test_a_failure_is_told_as_the_child_told_it() -> None:
    told = parsed_failure({"failed": "not-audio", "reason": "r", "advice": "a", "transient": False})
    assert (told.code, told.reason, told.advice, told.max_attempts) == ("not-audio", "r", "a", 1)
    assert parsed_failure({"failed": "read-error", "transient": True}).max_attempts == 4


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(code=VALUES, reason=VALUES, advice=VALUES, transient=VALUES)
@example("x" * 10**6, "\ud800" * 10**6, ["\udc80"], "yes")
def test_whatever_failure_a_child_tells_can_be_stored(
    library: Library, code: Any, reason: Any, advice: Any, transient: Any
) -> None:
    failure = parsed_failure({"failed": code, "reason": reason, "advice": advice, "transient": transient})
    assert len(failure.code) + len(failure.reason) + len(failure.advice) < 5000
    library.meet(library.run(), b"1.flac", fresh=True)
    assert library.job_store.fail(library.take(), failure, 0.0) is not None


def test_what_a_child_logs_is_checked_like_every_reply() -> None:
    said = {"log": "odd\x00 chunk", "logger": "mutagen", "severity": "warning"}
    assert parsed_log(said) == ("odd chunk", "mutagen", Severity.WARNING)
    for wrong in ({"severity": "critical"}, {"log": 5}, {"logger": None}):
        with pytest.raises(InvalidReply):
            parsed_log(said | wrong)
