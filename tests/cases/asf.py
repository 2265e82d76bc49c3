"""Cases of WMA files that declare no length: broadcasts, and recordings that were interrupted."""

from collections.abc import Callable

from tests.cases.case import Case, Kind
from tests.material import good
from tonearm.analysis.asf import DATA_HEAD_BYTES, FILE_PROPERTIES

UNDECLARED = Kind(
    "asf-undeclared",
    "Advanced Systems Format 3.2 and 5.1: the broadcast flag, a data object that was never filled in",
)
NO_LENGTH = {"remark": "its header declares no length"}
WHOLE = {**NO_LENGTH, "duration_s": 4.0}
CUT = {**NO_LENGTH, "state": "partial", "says": "it ends inside a packet"}
LIVE, RECORDED = 3, 2
END_CHUNK = b"$E\x08\0" + bytes(8)
"""What FFmpeg writes at the end of a stream."""


def undeclared(
    end: Callable[[int, int, int], int], flags: int = LIVE, sized: bool = False, behind: bytes = b""
) -> bytes:
    """A WMA file whose header tells no length. end: where it is cut, by the first packet, the size of one, and the end of the last. sized: its data object tells its size."""
    data = bytearray(good("wma"))
    at = data.find(FILE_PROPERTIES)
    data[at + 40 : at + 48] = data[at + 56 : at + 64] = bytes(8)
    data[at + 64 : at + 72] = (31_000_000).to_bytes(8, "little")  # the preroll alone, as FFmpeg writes it
    data[at + 88] = flags
    packet = int.from_bytes(data[at + 92 : at + 96], "little")
    objects = int.from_bytes(data[16:24], "little")
    last = objects + int.from_bytes(data[objects + 16 : objects + 24], "little")
    if not sized:
        data[objects + 16 : objects + 24] = DATA_HEAD_BYTES.to_bytes(8, "little")
        data[objects + 40 : objects + 48] = bytes(8)
    return bytes(data[: end(objects + DATA_HEAD_BYTES, packet, last)]) + behind


def whole(_first: int, _packet: int, last: int) -> int:
    return last


def packets(count: float) -> Callable[[int, int, int], int]:
    """A cut after so many packets."""
    return lambda first, packet, _last: first + round(count * packet)


CASES = (
    Case(UNDECLARED, "whole.wma", lambda: undeclared(whole), WHOLE),
    Case(UNDECLARED, "whole-marked.wma", lambda: undeclared(whole, behind=END_CHUNK), WHOLE),
    Case(UNDECLARED, "whole-tagged.wma", lambda: undeclared(whole, behind=b"TAG" + bytes(125)), WHOLE),
    Case(UNDECLARED, "in-a-packet.wma", lambda: undeclared(packets(9.5)), CUT),
    Case(UNDECLARED, "in-the-head-of-a-packet.wma", lambda: undeclared(packets(9.001)), CUT),
    Case(UNDECLARED, "interrupted.wma", lambda: undeclared(packets(12.3), RECORDED), CUT),
    Case(UNDECLARED, "between-packets.wma", lambda: undeclared(packets(9)), NO_LENGTH),
    Case(
        UNDECLARED,
        "size-of-data.wma",
        lambda: undeclared(packets(9), RECORDED, sized=True),
        {**CUT, "says": "bytes of data instead of the"},
    ),
    Case(UNDECLARED, "size-of-data-whole.wma", lambda: undeclared(whole, RECORDED, sized=True), WHOLE),
)
