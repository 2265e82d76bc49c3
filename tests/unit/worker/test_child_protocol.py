"""Messages of a child arrive whole and in order, and can contain plain values only."""

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tonearm.worker.child_protocol import (
    MAX_BYTES,
    InvalidReply,
    Message,
    MessageBuffer,
    encode,
    receive,
    send_with_files,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
MESSAGES = st.lists(st.dictionaries(TEXT, VALUES, max_size=4), max_size=4)


def framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


@pytest.fixture
def link() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@given(MESSAGES, st.lists(st.integers(1, 40), min_size=1, max_size=8))
@example([{}, {"a": "\udc80\ud800\0"}, {}], [1])
def test_any_messages_arrive_whole_and_in_order_however_they_are_cut(
    messages: list[Message], cuts: list[int]
) -> None:
    stream = b"".join(encode(message) for message in messages)
    buffer = MessageBuffer()
    arrived: list[Message] = []
    turn = 0
    while stream:
        size = cuts[turn % len(cuts)]
        arrived += buffer.feed(stream[:size])
        stream = stream[size:]
        turn += 1
    assert arrived == messages
    assert json.dumps(arrived) == json.dumps(messages)  # 1 is not 1.0, and True is not 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_a_number_is_not_sent(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({"a": [{"b": value}]})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'"text"',
        b"null",
        b"{} {}",
        b"\xff\xff",
        b'{"a": NaN}',
        b'{"a": [Infinity]}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_what_is_no_message_of_finite_values_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidReply):
        MessageBuffer().feed(framed(body))


def test_a_message_that_is_too_long_is_refused_by_its_length_alone() -> None:
    with pytest.raises(InvalidReply, match=f"a message of {MAX_BYTES + 1} bytes"):
        MessageBuffer().feed(struct.pack("!I", MAX_BYTES + 1))
    assert MessageBuffer().feed(struct.pack("!I", MAX_BYTES)) == []


@given(st.binary(max_size=40))
def test_any_bytes_are_messages_or_invalid_and_nothing_else(noise: bytes) -> None:
    buffer = MessageBuffer()
    for data in (noise, framed(noise)):
        try:
            assert all(isinstance(message, dict) for message in buffer.feed(data))
        except InvalidReply:
            return


def test_a_file_goes_with_its_message(link: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    ours, theirs = link
    (tmp_path / "song").write_bytes(b"la la la")
    descriptor = os.open(tmp_path / "song", os.O_RDONLY)
    send_with_files(ours, {"cpu_s": 3.5}, [descriptor])
    os.close(descriptor)
    (tmp_path / "song").unlink()
    received = receive(theirs)
    assert received is not None
    message, arrived = received
    assert message == {"cpu_s": 3.5}
    assert arrived is not None
    assert os.read(arrived, 100) == b"la la la"
    os.close(arrived)


def test_files_stay_with_their_own_messages(
    link: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    ours, theirs = link
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        descriptor = os.open(tmp_path / name, os.O_RDONLY)
        send_with_files(ours, {"name": name}, [descriptor])
        os.close(descriptor)
        ours.sendall(encode({"after": name}))
    heard: list[tuple[Any, bytes | None]] = []
    for _ in range(4):
        received = receive(theirs)
        assert received is not None
        message, arrived = received
        heard.append((message, None if arrived is None else os.read(arrived, 10)))
        if arrived is not None:
            os.close(arrived)
    assert heard == [
        ({"name": "one"}, b"one"),
        ({"after": "one"}, None),
        ({"name": "two"}, b"two"),
        ({"after": "two"}, None),
    ]


def test_a_message_larger_than_the_sockets_buffer_arrives(
    link: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    ours, theirs = link
    message = {"beats": list(range(300_000))}
    descriptor = os.open(tmp_path, os.O_RDONLY)
    sender = threading.Thread(target=send_with_files, args=(ours, message, [descriptor]))
    sender.start()
    received = receive(theirs)
    sender.join()
    os.close(descriptor)
    assert received is not None
    assert received[0] == message
    assert received[1] is not None
    os.close(received[1])


@pytest.mark.parametrize("said", [b"", b"\0\0", struct.pack("!I", 2), struct.pack("!I", 2) + b"{"])
def test_the_end_of_the_other_side_is_the_end_and_no_message(
    link: tuple[socket.socket, socket.socket], said: bytes
) -> None:
    ours, theirs = link
    ours.sendall(said)
    ours.close()
    assert receive(theirs) is None
