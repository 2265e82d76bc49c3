"""JSON as the service reads and sends it is what the standard library reads."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.web.json_response import TrackJson, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_values_survive_reading_and_sending(value: object) -> None:
    assert read_json(json.dumps(value)) == value
    sent = bytes(TrackJson(value).body)
    assert sent.isascii()
    assert json.loads(sent) == value


def test_names_that_are_no_unicode_survive_too() -> None:
    value = {"path": "caf\udce9.flac", "title": "愛"}
    assert read_json(json.dumps(value)) == value
    assert json.loads(bytes(TrackJson(value).body)) == value


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1 column 2"):
        read_json("{")
