"""AIFF files as programs write them that can't fill in the sizes afterwards."""

import struct

from tests import material
from tests.cases.case import Case, Kind

SIZES = Kind(
    "aiff-placeholder-size", "SoX, aiff.c: 0x7F000000 bytes; FFmpeg and recorders leave zeros in a pipe"
)
WHOLE = {"duration_s": (4.0, 0.01), "container": "aiff"}
FRAMES, BLOCK = 4 * material.RATE_HZ, 4
PIPE = 0x7F000000
LONG = 3_000_000_000
EMPTY = {"state": "quarantined", "code": {"no-samples", "damaged-header"}}


def sized(form: int | None = None, frames: int | None = None, sound: int | None = None) -> bytes:
    """A file with other sizes than those that are right: of the whole, of the sound in samples, and of its chunk."""
    data = bytearray(material.good("aiff"))
    for value, at in ((form, 4), (frames, data.index(b"COMM") + 10), (sound, data.index(b"SSND") + 4)):
        if value is not None:
            data[at : at + 4] = struct.pack(">I", value)
    return bytes(data)


def empty(size: int) -> bytes:
    """A file without a sample, and a tag behind its sound chunk of such a size."""
    data = sized(frames=0)
    tag = b"ID3\3\0\0\0\0\1\0" + bytes(128)
    data = data[: data.index(b"SSND")] + b"SSND" + struct.pack(">I", size) + bytes(size)
    data += b"ID3 " + struct.pack(">I", len(tag)) + tag
    return data[:4] + struct.pack(">I", len(data) - 8) + data[8:]


# fmt: off
CASES = (
    Case(SIZES, "zeros.aiff", lambda: sized(0, 0, 0), {**WHOLE, "remark": "its header declares no length"}),
    Case(SIZES, "whole-zero.aiff", lambda: sized(0), WHOLE),
    Case(SIZES, "whole-too-small.aiff", lambda: sized(46), WHOLE),
    Case(SIZES, "pipe.aiff", lambda: sized(PIPE + 46, PIPE // BLOCK, PIPE + 8), {**WHOLE, "remark": "its header declares no length"}),
    Case(SIZES, "sound-zero.aiff", lambda: sized(sound=0), WHOLE),
    Case(SIZES, "cut.aiff", lambda: material.truncated(sized(0), 0.5), {"state": "partial", "duration_s": (4.0, 0.01), "says": "2.0 s of audio instead of the 4.0 s"}),
    Case(SIZES, "long-cut.aiff", lambda: sized(LONG + 46, LONG // BLOCK, LONG + 8), {"state": "partial", "duration_s": (17_006.8, 0.1), "says": "4.0 s of audio instead of the 17006.8 s"}),
    Case(SIZES, "empty.aiff", lambda: empty(8), EMPTY),
    Case(SIZES, "empty-without-offset.aiff", lambda: empty(0), EMPTY),
)
# fmt: on
