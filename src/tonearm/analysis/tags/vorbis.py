"""Reads Vorbis comments (xiph.org, Vorbis I, 5), as FLAC, Ogg and others keep them, and the pictures of FLAC.

What a comment block says of itself is not relied on: comments are read for as long as their sizes fit, whatever their
number is said to be and whether or not the closing bit is set.
"""

import base64
import binascii

from tonearm.analysis.file_window import Window
from tonearm.analysis.tags.tag_set import MAX_ENTRIES, TagSet
from tonearm.analysis.tags.text import unmarked

MAX_COMMENT_BYTES = 1 << 20
PICTURE_HEAD_BYTES = 4096
COMMENT_BLOCK, PICTURE_BLOCK = 4, 6
MAX_BLOCKS = 1000


def read_comments(file: Window, start: int, end: int, found: TagSet) -> None:
    """Add the comments of a block that lies between two offsets. Raises ``OSError``."""
    vendor = _size(file, start, end)
    if vendor is None or start + 4 + vendor + 4 > end:
        found.problem("the comments are damaged at their beginning")
        return
    at = start + 4 + vendor
    count = _size(file, at, end) or 0
    at += 4
    read = 0
    while (size := _size(file, at, end)) is not None and at + 4 + size <= end and not found.full:
        if size or read < count:
            _comment(file, at + 4, size, found)
        read += 1
        at += 4 + size
        if read >= count and not _comment_follows(file, at, end):
            break
    if read < count and not found.full:
        found.problem(f"{count:,} comments are declared, {read:,} are there")


def _end_by_sizes(file: Window, start: int, end: int) -> int:
    """Where comments end by their own sizes, if that is text: some programs say that their block ends before."""
    at = start + 4 + (_size(file, start, end) or 0)
    count = _size(file, at, end) or 0
    at += 4
    for _ in range(min(count, MAX_ENTRIES)):
        size = _size(file, at, file.size) or 0
        is_beyond = at + 4 + size > end
        if not _comment_follows(file, at, file.size) or (is_beyond and not _is_text(file.part(at + 4, size))):
            return end
        at += 4 + size
    return max(at, end) if count else end


def _is_text(raw: bytes) -> bool:
    return len(raw) <= MAX_COMMENT_BYTES and all(byte >= 0x20 or byte in b"\t\n\r" for byte in raw)


def _size(file: Window, at: int, end: int) -> int | None:
    raw = file.part(at, min(4, max(0, end - at)))
    return int.from_bytes(raw, "little") if len(raw) == 4 else None


def _comment_follows(file: Window, at: int, end: int) -> bool:
    """Whether one more comment than were declared is at an offset: a size that fits, and a name in it."""
    size = _size(file, at, end)
    if not size or at + 4 + size > end:
        return False
    name, equals, _ = file.part(at + 4, min(size, 200)).partition(b"=")
    return bool(equals and name) and all(0x20 <= byte < 0x7E for byte in name)


def _comment(file: Window, at: int, size: int, found: TagSet) -> None:
    head = file.part(at, min(size, 64))
    name, equals, _ = head.partition(b"=")
    key = name.decode("latin-1").upper() if equals else ""
    start = at + len(name) + 1
    if key == "METADATA_BLOCK_PICTURE":
        _encoded_picture(file, start, at + size, found)
    elif key == "COVERART":
        found.picture(key, "image", (at + size - start) * 3 // 4)
    else:
        raw = file.part(at, min(size, MAX_COMMENT_BYTES))
        name, equals, value = raw.partition(b"=")
        if not equals:
            found.problem("a comment has no name")
            name, value = b"", raw
        found.add(name.decode("latin-1").upper(), unmarked(value))


def _encoded_picture(file: Window, start: int, end: int, found: TagSet) -> None:
    """A picture block of FLAC in base 64 (wiki.xiph.org, VorbisComment), of which the beginning is read."""
    encoded = file.part(start, min(end - start, PICTURE_HEAD_BYTES))
    try:
        head = base64.b64decode(encoded[: len(encoded) & ~3])
    except (binascii.Error, ValueError):
        found.problem("a picture is not in base 64")
        return
    add_picture(head, (end - start) * 3 // 4, found)


def add_picture(head: bytes, most: int, found: TagSet) -> None:
    """Add a picture block (RFC 9639, 8.8) by its beginning: kind, type, description, four numbers, and the size.

    most: bytes of the whole block.
    """
    at = 8
    mime_size = int.from_bytes(head[4:8], "big")
    mime = head[at : at + min(mime_size, 200)].decode("latin-1")
    at += mime_size
    at += 4 + int.from_bytes(head[at : at + 4], "big") + 16
    size = int.from_bytes(head[at : at + 4], "big") if at + 4 <= len(head) else most - at - 4
    found.picture("PICTURE", mime, max(0, min(size, most)))


def read_flac_blocks(file: Window, at: int) -> TagSet:
    """Read the comments and pictures among the metadata blocks (RFC 9639, 8) that begin at an offset."""
    found = TagSet("Vorbis comment")
    for _ in range(MAX_BLOCKS):
        head = file.part(at, 4)
        if len(head) < 4 or head[0] == 0xFF:
            break
        add_block(file, at, found)
        if head[0] & 0x80:
            break
        at += 4 + int.from_bytes(head[1:], "big")
    return found


def add_block(file: Window, at: int, found: TagSet) -> None:
    """Add what a metadata block of FLAC holds, if it is one with comments or a picture."""
    head = file.part(at, 4)
    if len(head) < 4:
        return
    kind, size = head[0] & 0x7F, int.from_bytes(head[1:], "big")
    end = min(at + 4 + size, file.size)
    if kind == COMMENT_BLOCK:
        read_comments(file, at + 4, _end_by_sizes(file, at + 4, end), found)
    elif kind == PICTURE_BLOCK:
        add_picture(file.part(at + 4, min(size, PICTURE_HEAD_BYTES)), size, found)
