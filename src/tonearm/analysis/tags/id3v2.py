"""Reads ID3v2.2, 2.3 and 2.4 tags frame by frame (id3.org: ID3v2.2.0, ID3v2.3.0, ID3v2.4.0); a bad frame costs itself.

Of pictures and other large frames only the beginning is read. Versions are mixed in practice: frames of one version
stand in tags of another, and sizes are written in the wrong form, so both are recognised in any tag.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from tonearm.analysis.file_window import Window
from tonearm.analysis.syncsafe import is_syncsafe, syncsafe
from tonearm.analysis.tags.id3v2_frames import read_frame
from tonearm.analysis.tags.tag_set import TagSet

HEADER_BYTES = 10
MAX_UNSYNCHRONISED_BYTES = 32 << 20
"""A tag that is unsynchronised as a whole is held in memory, up to this size."""
MAX_FRAME_BYTES = 1 << 20
MAX_FRAMES = 50_000
_ID = {2: re.compile(rb"[A-Z][A-Z0-9]{2}"), 3: re.compile(rb"[A-Z][A-Z0-9]{3}")}
_FRAME_START = re.compile(rb"[A-Z][A-Z0-9]{3}[\x00-\xff]{4}")


def synchronised(data: bytes) -> bytes:
    """Undo the unsynchronisation: the zero that was put behind each 0xFF is taken out."""
    return data.replace(b"\xff\0", b"\xff")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. ``data``: its contents, of large ones the beginning; ``size``: the bytes of all of them."""

    id: str
    data: bytes
    size: int


def read_id3v2(file: Window, at: int) -> TagSet:
    """Read the tag that begins at an offset of a file; what can't be read is among its problems. Raises ``OSError``."""
    found = TagSet("ID3v2")
    head = file.part(at, HEADER_BYTES)
    version, flags = head[3], head[5]
    if version not in (2, 3, 4):
        found.problem(f"version 2.{version} is not known")
        return found
    start, end = at + HEADER_BYTES, min(at + HEADER_BYTES + syncsafe(head[6:]), file.size)
    if version == 2 and flags & 0x40:
        found.problem("the whole tag is compressed, in a way that was never specified")
        return found
    if flags & 0x80 and version < 4:
        data = synchronised(file.part(start, min(end - start, MAX_UNSYNCHRONISED_BYTES)))
        file, start, end = Window(BytesIO(data), 0, len(data)), 0, len(data)
    if version > 2 and flags & 0x40:
        start += _extended_header(file.part(start, 4), version)
    for frame in _frames(file, start, end, version, bool(flags & 0x80), found):
        read_frame(frame.id, frame.data, frame.size, found)
    return found


def _extended_header(size: bytes, version: int) -> int:
    """Bytes of the extended header, whose size includes itself in version 2.4 only; some programs announce one that
    they do not write.
    """
    if len(size) < 4 or _ID[3].fullmatch(size):
        return 0
    return int.from_bytes(size, "big") + 4 if version == 3 else syncsafe(size)


def _frames(
    file: Window, at: int, end: int, version: int, unsynchronised: bool, found: TagSet
) -> Iterator[Frame]:
    """Every frame; behind a place that is none, reading goes on at the next that looks like one."""
    head_bytes, digits = (6, 3) if version == 2 else (10, 4)
    name = _ID[2 if version == 2 else 3]
    for _ in range(MAX_FRAMES):
        head = file.part(at, min(head_bytes, end - at))
        if len(head) < head_bytes or not head[0] or found.full:
            return
        if not name.fullmatch(head[:digits]):
            at = _next_frame(file, at + 1, end)
            found.problem("a part of it is no frame")
            continue
        size = _frame_size(file, at, end, head, version)
        start = at + head_bytes
        if start + size > end:
            found.problem(f"frame {head[:digits].decode()} claims {size} bytes, more than there are")
            size = end - start
        at = start + size
        frame_id = head[:digits].decode()
        data = file.part(start, min(size, MAX_FRAME_BYTES))
        if version == 2:
            yield Frame(frame_id, data, size)
        elif (plain := _plain(frame_id, head[8:10], data, size, version, unsynchronised, found)) is not None:
            yield plain


def _next_frame(file: Window, at: int, end: int) -> int:
    """Where the next frame may begin; ``end`` if nowhere within ``MAX_FRAME_BYTES``."""
    data = file.part(at, min(end - at, MAX_FRAME_BYTES))
    for match in _FRAME_START.finditer(data):
        start = at + match.start()
        if start + 10 + int.from_bytes(match[0][4:], "big") <= end:
            return start
    return end


def _frame_size(file: Window, at: int, end: int, head: bytes, version: int) -> int:
    """The size of a frame. Some programs write plain numbers into 2.4 tags; what follows tells which it is."""
    if version == 2:
        return int.from_bytes(head[3:6], "big")
    plain = int.from_bytes(head[4:8], "big")
    if version == 3 or plain < 0x80:
        return plain
    if not is_syncsafe(head[4:8]):
        return plain
    safe = syncsafe(head[4:8])
    misread = not _frame_follows(file, at + 10 + safe, end) and _frame_follows(file, at + 10 + plain, end)
    return plain if misread else safe


def _frame_follows(file: Window, at: int, end: int) -> bool:
    """Whether a frame, padding or the end of the tag is at an offset."""
    if at >= end:
        return at == end
    head = file.part(at, min(4, end - at))
    return not head.strip(b"\0") or _ID[3].fullmatch(head) is not None


def _plain(
    frame_id: str, flags: bytes, data: bytes, size: int, version: int, unsynchronised: bool, found: TagSet
) -> Frame | None:
    """A frame without what its flags say was done to it; ``None`` where that can't be undone."""
    bits = flags[1]
    if version == 3:
        compressed, encrypted, grouped, extra = bits & 0x80, bits & 0x40, bits & 0x20, 4 if bits & 0x80 else 0
    else:
        compressed, encrypted, grouped, extra = bits & 8, bits & 4, bits & 0x40, 4 if bits & 1 else 0
    if encrypted:
        found.problem(f"frame {frame_id} is encrypted")
        return None
    if version == 4 and (bits & 2 or unsynchronised):
        before = len(data)
        data = synchronised(data)
        size -= before - len(data)
    skipped = extra + (1 if grouped else 0)
    declared = data[skipped - 4 : skipped] if version == 4 else data[:4]
    data, size = data[skipped:], max(0, size - skipped)
    if not compressed:
        return Frame(frame_id, data, size)
    try:
        data = zlib.decompressobj().decompress(data, MAX_FRAME_BYTES)
    except zlib.error:
        found.problem(f"frame {frame_id} is compressed, and damaged")
        return None
    whole = (syncsafe(declared) if version == 4 else int.from_bytes(declared, "big")) if extra else len(data)
    return Frame(frame_id, data, max(whole, len(data)))
