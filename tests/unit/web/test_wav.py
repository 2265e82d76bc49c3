"""A WAV file that is made while it is sent has the right head, and its parts are those that a request asks for."""

import io
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.web.wav import FRAME_BYTES, HEAD_BYTES, NotSatisfiable, TooLong, Wav, range_of


def test_the_head_announces_what_follows() -> None:
    made = Wav(48_000, 5)
    with wave.open(io.BytesIO(made.head + bytes(5 * FRAME_BYTES))) as read:
        assert (read.getnchannels(), read.getsampwidth(), read.getframerate(), read.getnframes()) == (
            2,
            2,
            48_000,
            5,
        )
    assert len(made.head) == HEAD_BYTES


def test_a_sound_of_more_than_four_gigabytes_is_refused() -> None:
    with pytest.raises(TooLong):
        Wav(48_000, 1 << 30)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-400", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-400", (0, 100)),
        ("Bytes = 1-2", None),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("samples=0-1", None),
        ("bytes=٣-٤", None),
    ],
)
def test_a_range_is_what_the_header_asks_for(header: str | None, span: tuple[int, int] | None) -> None:
    assert range_of(header, 100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=400-500", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(header: str) -> None:
    with pytest.raises(NotSatisfiable):
        range_of(header, 100)


@given(st.text(alphabet="bytes=0123456789-, ", max_size=30), st.integers(1, 10**10))
def test_a_range_lies_inside_the_file(header: str, size: int) -> None:
    try:
        span = range_of(header, size)
    except NotSatisfiable:
        return
    assert span is None or 0 <= span[0] < span[1] <= size
