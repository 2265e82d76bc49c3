"""A trace is passed on through the queue, and an invalid header never prevents a job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.jobs.trace_context import LONGEST, TraceContext, parsed

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEX = "0123456789abcdef"


def ids(digits: int) -> st.SearchStrategy[str]:
    return st.text(HEX, min_size=digits, max_size=digits).filter(lambda text: bool(text.strip("0")))


@given(st.builds(TraceContext, ids(32), ids(16), st.booleans()))
def test_a_header_is_read_as_it_was_written(context: TraceContext) -> None:
    assert parsed(str(context)) == context


@pytest.mark.parametrize(
    "header",
    [
        f"01-{TRACE}-{PARENT}-01",
        f"cc-{TRACE}-{PARENT}-01-what-the-future-brings",
        f"00-{TRACE}-{PARENT}-ff",
    ],
)
def test_later_versions_and_unknown_flags_are_read_too(header: str) -> None:
    assert parsed(header) == TraceContext(TRACE, PARENT, sampled=True)


@pytest.mark.parametrize(
    "header",
    [
        None,
        7,
        b"00",
        "",
        "00",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-0",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
        f" 00-{TRACE}-{PARENT}-01",
        f"01-{TRACE}-{PARENT}-01.more",
        f"01-{TRACE}-{PARENT}-01-" + "x" * LONGEST,
        f"00-{'١' * 32}-{PARENT}-01",
    ],
)
def test_what_is_no_header_is_none(header: object) -> None:
    assert parsed(header) is None


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    context = parsed(text)
    assert context is None or str(context).startswith("00-")
