"""Messages between parent and child: JSON objects with a length prefix, some with a file descriptor.

The format is JSON, so that a child that a hostile file has taken over can send its parent plain values only.
"""

import array
import json
import math
import socket
import struct
from collections.abc import Sequence
from typing import Any

MAX_BYTES = 64 << 20
"""Maximum size of a message."""
MAX_FILES = 64
"""Maximum number of open files that come with a message."""
_HEAD = struct.Struct("!I")
_ANCILLARY = socket.CMSG_SPACE(MAX_FILES * array.array("i").itemsize)

Message = dict[str, Any]


class InvalidReply(Exception):
    """The other side sent something that is not a message."""


def encode(message: Message) -> bytes:
    """A message as bytes. Raises ValueError if it contains a number that is not finite."""
    body = _ENCODER.encode(message).encode("ascii")
    return _HEAD.pack(len(body)) + body


class MessageBuffer:
    """Assembles messages from the pieces that a stream socket delivers."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, piece: bytes) -> list[Message]:
        """Add a piece; returns the messages that are now complete. Raises InvalidReply."""
        self._bytes += piece
        messages = []
        while len(self._bytes) >= _HEAD.size:
            (size,) = _HEAD.unpack_from(self._bytes)
            if size > MAX_BYTES:
                raise InvalidReply(f"a message of {size} bytes")
            end = _HEAD.size + size
            if len(self._bytes) < end:
                break
            messages.append(_parsed(bytes(self._bytes[_HEAD.size : end])))
            del self._bytes[:end]
        return messages


def _parsed(body: bytes) -> Message:
    try:
        message = _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidReply(str(error)) from error
    if not isinstance(message, dict):
        raise InvalidReply("not an object")
    return message


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        _refuse(digits)
    return number


def _refuse(constant: str) -> None:
    raise InvalidReply(f"{constant} is not a number")


_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def send_with_files(link: socket.socket, message: Message, descriptors: Sequence[int]) -> None:
    """Send a message together with up to ``MAX_FILES`` open files."""
    data = encode(message)
    sent = socket.send_fds(link, [data], descriptors)
    link.sendall(data[sent:])


def receive(link: socket.socket) -> tuple[Message, int | None] | None:
    """Wait for one message and the file that came with it; ``None`` when the other side has closed the connection."""
    received = receive_with_files(link)
    if received is None:
        return None
    message, descriptors = received
    return message, descriptors[0] if descriptors else None


def receive_with_files(link: socket.socket) -> tuple[Message, list[int]] | None:
    """Wait for one message and the files that came with it; ``None`` when the other side has closed the connection."""
    head, descriptors = _exactly(link, _HEAD.size)
    if head is None:
        return None
    body, more = _exactly(link, _HEAD.unpack(head)[0])
    if body is None:
        return None
    return _parsed(body), descriptors + more


def _exactly(link: socket.socket, size: int) -> tuple[bytes | None, list[int]]:
    data = b""
    descriptors: list[int] = []
    while len(data) < size:
        piece, ancillary, _, _ = link.recvmsg(size - len(data), _ANCILLARY)
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
                descriptors += list(numbers)
        if not piece:
            return None, descriptors
        data += piece
    return data, descriptors
