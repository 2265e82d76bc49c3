"""Monkey's Audio: silence, which its frames say by a flag, so that a writer needs no compression.

Source: the file format's descriptor, header and frames as of version 3.99.
"""

import struct
from functools import partial

from tests.cases.case import Case, Kind
from tests.tag_bytes import ape, frame, id3v2, text

SILENT = Kind("monkeys-audio", "quodlibet/mutagen, tests/data/mac-399.ape: a header and silent frames")
RATE_HZ, FRAME_SAMPLES = 44_100, 73_728
IS_SILENT, HAS_FLAGS, NO_WAV_HEADER = 3, 1 << 31, 1 << 5


def silence(seconds: float = 4.0, level: int = 2000, version: int = 3990) -> bytes:
    """Two channels of 16 bits. level: 1000 (fast) to 5000 (insane)."""
    count, last = divmod(round(seconds * RATE_HZ), FRAME_SAMPLES)
    silent = struct.pack("<4I", HAS_FLAGS, IS_SILENT, 0, 0)
    frames = silent * (count + 1)
    table_bytes = 4 * (count + 1)
    first = 52 + 24 + table_bytes
    table = b"".join(struct.pack("<I", first + number * len(silent)) for number in range(count + 1))
    descriptor = struct.pack("<4sHH7I16x", b"MAC ", version, 0, 52, 24, table_bytes, 0, len(frames), 0, 0)
    header = struct.pack("<HHIIIHHI", level, NO_WAV_HEADER, FRAME_SAMPLES, last, count + 1, 16, 2, RATE_HZ)
    return descriptor + header + table + frames


def tagged(words: bytes = b"Song") -> bytes:
    """With APEv2 at the end."""
    return silence() + ape([("Title", words), ("Artist", b"One\0Two"), ("Year", b"1999"), ("Track", b"3/12")])


WHOLE = {
    "codec": "ape",
    "container": "ape",
    "sample_rate_hz": RATE_HZ,
    "bit_depth": 16,
    "duration_s": 4.0,
    "decoded_s": 4.0,
}
TAGGED = WHOLE | {"title": "Song", "artist": "One; Two", "year": 1999, "track": 3}

# fmt: off
CASES = (
    Case(SILENT, "tagged.ape", tagged, TAGGED),
    Case(SILENT, "id3-first.ape", lambda: id3v2(frame("TIT2", text("Pre"))) + silence(), WHOLE | {"title": "Pre"}),
    *(Case(SILENT, f"level-{level}.ape", partial(silence, 4.0, level), WHOLE) for level in (1000, 3000, 4000, 5000)),
    Case(SILENT, "3980.ape", partial(silence, 4.0, 2000, 3980), WHOLE),
    Case(SILENT, "cut.ape", lambda: silence()[:-20], {"state": "partial", "duration_s": 4.0, "says": "instead of the 4.0 s"}),
    Case(SILENT, "cut-in-header.ape", lambda: silence()[:60], {"state": "quarantined", "code": "damaged-header"}),
)
# fmt: on
