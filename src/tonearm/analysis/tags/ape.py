"""Reads APEv1 and APEv2 tags (hydrogenaud.io, APEv2 specification)."""

from tonearm.analysis.file_window import APE_HEADER_BYTES, Window
from tonearm.analysis.tags.tag_set import TagSet
from tonearm.analysis.tags.text import unmarked

MAX_ITEM_BYTES = 1 << 20
MAX_KEY_BYTES = 255
_BINARY = 1


def read_ape(file: Window, start: int, end: int) -> TagSet:
    """Read the items of a tag, from behind its header up to its footer, by their offsets. Raises ``OSError``."""
    found = TagSet("APEv2")
    at = start
    while at + 8 < end and not found.full:
        head = file.part(at, min(8 + MAX_KEY_BYTES + 1, end - at))
        size, flags = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:8], "little")
        key, ended, _ = head[8:].partition(b"\0")
        at += 8 + len(key) + 1
        if not ended or not key:
            found.problem("an item has no name; what follows is not read")
            return found
        if at + size > end:
            found.problem(f"the item {key.decode('latin-1')!r} claims {size} bytes, more than there are")
            size = end - at
        _item(file, at, size, flags >> 1 & 3, key.decode("latin-1"), found)
        at += size
    return found


def _item(file: Window, at: int, size: int, kind: int, key: str, found: TagSet) -> None:
    if kind == _BINARY and key.lower().startswith("cover art"):
        name, _, picture = file.part(at, min(size, 1024)).partition(b"\0")
        mime = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
        found.picture(key, mime, max(0, size - len(name) - 1))
    elif kind == _BINARY:
        found.binary(key, size)
    else:
        for piece in file.part(at, min(size, MAX_ITEM_BYTES)).split(b"\0"):
            found.add(key, unmarked(piece))


def ape_items(file: Window, end: int) -> tuple[int, int] | None:
    """Where the items of the tag begin and end whose footer ends at an offset; ``None`` if there is no such footer."""
    footer = file.part(end - APE_HEADER_BYTES, min(end, APE_HEADER_BYTES))
    if footer[:8] != b"APETAGEX" or len(footer) < APE_HEADER_BYTES:
        return None
    size = int.from_bytes(footer[12:16], "little")  # of the items and the footer
    return max(0, end - size), end - APE_HEADER_BYTES
