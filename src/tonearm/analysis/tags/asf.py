"""Reads the tags of ASF (WMA) files (Microsoft, Advanced Systems Format, 3.10, 3.11, 4.7 and 4.8)."""

from collections.abc import Iterator
from uuid import UUID

from tonearm.analysis.file_window import Window
from tonearm.analysis.tags.tag_set import TagSet
from tonearm.analysis.tags.text import utf16

MAX_OBJECTS = 1000
MAX_VALUE_BYTES = 1 << 20
MAX_ATTRIBUTES = 20_000
HEADER_BYTES = 30
OBJECT_HEAD_BYTES = 24
_CONTENT = UUID("75B22633-668E-11CF-A6D9-00AA0062CE6C").bytes_le
EXTENDED_CONTENT = UUID("D2D0A440-E307-11D2-97F0-00A0C95EA850").bytes_le
_EXTENSION = UUID("5FBF03B5-A92E-11CF-8EE3-00C00C205365").bytes_le
_METADATA = UUID("C5F8CBEA-5BAF-4877-8467-AA8C44FA4CCA").bytes_le
_LIBRARY = UUID("44231C94-9498-49D1-A141-1D134E457054").bytes_le
_TEXT, _BYTES, _FLAG, _DWORD, _QWORD, _WORD, _UUID = range(7)
FROM_ZERO, FROM_ONE = "WM/Track", "WM/TrackNumber"
"""The number of a track, the older of the two counted from zero (Microsoft, Windows Media attributes)."""
_DESCRIPTION = ("Title", "Author", "Copyright", "Description", "Rating")


def read_asf(file: Window, at: int) -> TagSet:
    """Read the tags of a file whose header object begins at an offset. Raises ``OSError``."""
    found = TagSet("ASF")
    end = min(at + int.from_bytes(file.part(at + 16, 8), "little"), file.size)
    objects = list(_objects(file, at + HEADER_BYTES, end))
    for kind, start, stop in tuple(objects):
        if kind == _EXTENSION:
            objects += _objects(file, start + 22, stop)
    for wanted, read in _READERS.items():  # a first value stands in the oldest of them
        for kind, start, stop in objects:
            if kind == wanted:
                read(file, start, stop, found)
    return found


def _objects(file: Window, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, and start and end of the contents, of each object between two offsets."""
    for _ in range(MAX_OBJECTS):
        head = file.part(at, min(OBJECT_HEAD_BYTES, max(0, end - at)))
        size = int.from_bytes(head[16:], "little")
        if len(head) < OBJECT_HEAD_BYTES or size < OBJECT_HEAD_BYTES:
            return
        yield head[:16], at + OBJECT_HEAD_BYTES, min(at + size, end)
        at += size


def _number(file: Window, at: int, size: int) -> int:
    return int.from_bytes(file.part(at, size), "little")


def _description(file: Window, start: int, stop: int, found: TagSet) -> None:
    """Five sizes, and then the five texts."""
    at = start + 10
    for index, key in enumerate(_DESCRIPTION):
        size = _number(file, start + 2 * index, 2)
        if at + size > stop:
            found.problem(f"{key} claims {size} bytes, more than there are")
            return
        _add(file, key, _TEXT, at, size, found)
        at += size


def _extended(file: Window, start: int, stop: int, found: TagSet) -> None:
    """A number of attributes: size of the name, name, type, size of the value, value."""
    at = start + 2
    for _ in range(_number(file, start, 2)):
        name_size = _number(file, at, 2)
        name_at = at + 2
        kind, size = _number(file, name_at + name_size, 2), _number(file, name_at + name_size + 2, 2)
        at = name_at + name_size + 4
        if at + size > stop:
            found.problem("the attributes are cut off")
            return
        _add(file, _name(file, name_at, name_size), kind, at, size, found)
        at += size


def _attributes(file: Window, start: int, stop: int, found: TagSet) -> None:
    """A number of attributes: list and stream, size of the name, type, size of the value, name, value."""
    at = start + 2
    for _ in range(min(_number(file, start, 2), MAX_ATTRIBUTES)):
        name_size, kind, size = _number(file, at + 4, 2), _number(file, at + 6, 2), _number(file, at + 8, 4)
        name_at = at + 12
        at = name_at + name_size
        if at + size > stop:
            found.problem("the attributes are cut off")
            return
        _add(file, _name(file, name_at, name_size), kind, at, size, found)
        at += size


def _name(file: Window, at: int, size: int) -> str:
    return utf16(file.part(at, min(size, 1000))).value.rstrip("\0")


def _add(file: Window, key: str, kind: int, at: int, size: int, found: TagSet) -> None:
    if kind == _TEXT:
        text = utf16(file.part(at, min(size, MAX_VALUE_BYTES))).value.rstrip("\0")
        if text:
            found.write(key, text)
    elif kind == _BYTES and key == "WM/Picture":
        _picture(file.part(at, min(size, 4096)), size, key, found)
    elif kind in (_BYTES, _UUID):
        found.binary(key, size)
    elif kind == _FLAG:
        found.write(key, str(bool(_number(file, at, min(size, 8)))))
    elif kind in (_DWORD, _QWORD, _WORD):
        number = _number(file, at, min(size, 8))
        found.write(key, str(number))
        if key == FROM_ZERO:
            found.write(FROM_ONE, str(number + 1))


def _picture(head: bytes, size: int, key: str, found: TagSet) -> None:
    """A picture: kind (1 byte), size (4), type and description with a NUL behind each, the picture."""
    mime = head[5:205].decode("utf-16-le", "replace").partition("\0")[0]
    found.picture(key, mime, min(int.from_bytes(head[1:5], "little"), size))


_READERS = {
    _CONTENT: _description,
    EXTENDED_CONTENT: _extended,
    _METADATA: _attributes,
    _LIBRARY: _attributes,
}
