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


def sized(form: int | None = None, frames: int | None = None, sound: int | None = None) -> bytes:
    """A file with other sizes than those that are right: of the whole, of the sound in samples, and of its chunk."""
    data = bytearray(material.good("aiff"))
    for value, at in ((form, 4), (frames, data.index(b"COMM") + 10), (sound, data.index(b"SSND") + 4)):
        if value is not None:
            data[at : at + 4] = struct.pack(">I", value)
    return bytes(data)


# fmt: off
CASES = (
    Case(SIZES, "zeros.aiff", lambda: sized(0, 0, 0), {**WHOLE, "remark": "its header declares no length"}),
    Case(SIZES, "whole-zero.aiff", lambda: sized(0), WHOLE),
    Case(SIZES, "whole-too-small.aiff", lambda: sized(46), WHOLE),
    Case(SIZES, "pipe.aiff", lambda: sized(PIPE + 46, PIPE // BLOCK, PIPE + 8), {**WHOLE, "remark": "its header declares no length"}),
    Case(SIZES, "sound-zero.aiff", lambda: sized(sound=0), WHOLE),
    Case(SIZES, "cut.aiff", lambda: material.truncated(sized(0), 0.5), {"state": "partial", "duration_s": (4.0, 0.01), "says": "2.0 s of audio instead of the 4.0 s"}),
)
# fmt: on
