"""Changes the tags of an M4A file: the box ``moov`` is made anew, with the new places of the audio."""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tonearm.analysis.file_window import Window
from tonearm.naming.splices import Splice
from tonearm.tagging.form import MOST_TAG_BYTES, Texts, Unwritable, Values, replaced

UTF8, INTEGER = 1, 21
FREE_FORM = "----:"
MOST_BOXES = 10_000
MOST_TEMPO = (1 << 16) - 1
_OFFSETS = {b"stco": ">I", b"co64": ">Q"}
_HANDLER = b"\0\0\0\x21hdlr" + bytes(8) + b"mdirappl" + bytes(9)


@dataclass(frozen=True, slots=True)
class _Box:
    """A box in some data: its four letters, and where it, its contents and what follows it begin."""

    name: bytes
    at: int
    start: int
    end: int


class Mp4Tags:
    """The items of an M4A file. Fragmented files are refused."""

    layout = "mp4"

    def __init__(self, window: Window) -> None:
        """Raises Unwritable and OSError."""
        self._at: int | None = None
        at, number = 0, 0
        while at < window.size:
            head = window.part(at, 16)
            size = int.from_bytes(head[:4], "big")
            size = int.from_bytes(head[8:16], "big") if size == 1 else size or window.size - at
            number += 1
            if size < 8 or at + size > window.size or head[4:8] == b"moof" or number > MOST_BOXES:
                raise Unwritable("container-damaged" if head[4:8] != b"moof" else "fragmented")
            if head[4:8] == b"moov":
                if self._at is not None or size > MOST_TAG_BYTES or head[:4] in (bytes(4), b"\0\0\0\1"):
                    raise Unwritable("container-damaged")
                self._at, self._moov = at, window.part(at, size)
            at += size
        if self._at is None:
            raise Unwritable("container-damaged")
        self._path = self._found()

    def _found(self) -> list[_Box]:
        """The boxes from ``moov`` to ``ilst``, as far as they are there."""
        path = [_Box(b"moov", 0, 8, len(self._moov))]
        for name in (b"udta", b"meta", b"ilst"):
            inside = [box for box in self._boxes(path[-1]) if box.name == name]
            if not inside:
                break
            path.append(inside[0])
        if len(path) > 2 and any(box.name == b"keys" for box in self._boxes(path[2])):
            raise Unwritable("tag-form")  # QuickTime's items, which have numbers for names
        return path

    def _boxes(self, box: _Box) -> Iterator[_Box]:
        at = box.start + (4 if box.name == b"meta" and self._is_full(box) else 0)
        while at + 8 <= box.end:
            size, name = struct.unpack_from(">I4s", self._moov, at)
            if size == 0 and box.name == b"udta":
                return  # some programs end it with four zeros
            if size < 8 or at + size > box.end:
                raise Unwritable("tags-damaged")
            yield _Box(name, at, at + 8, at + size)
            at += size

    def _is_full(self, box: _Box) -> bool:
        """Whether ``meta`` has a version and flags before its boxes: QuickTime's has none."""
        return self._moov[box.start + 4 : box.start + 8] != b"hdlr"

    def _items(self) -> list[bytes]:
        if len(self._path) < 4:
            return []
        return [self._moov[box.at : box.end] for box in self._boxes(self._path[3])]

    def texts(self, names: Sequence[str]) -> Texts:
        """The texts of some names: four letters, or ``----:`` and a name of iTunes."""
        items = self._items()
        return {
            name: [text for item in items if _name_of(item) == name.upper() for text in _texts_of(item)]
            for name in names
        }

    def entries(self, names: Sequence[str]) -> dict[str, list[bytes]]:
        """The items of some names, whole."""
        items = self._items()
        return {name: [item for item in items if _name_of(item) == name.upper()] for name in names}

    def splices(self, changes: Values) -> list[Splice]:
        """Another ``moov``. Raises Unwritable."""
        items = self._items()
        for name, texts in changes.items():
            places = [index for index, item in enumerate(items) if _name_of(item) == name.upper()]
            said = [text for text in texts if isinstance(text, str)]
            new = [text for text in texts if isinstance(text, bytes)]
            if said:
                new = [_made(name, said, items[places[0]] if places else None)]
            items = replaced(items, places, new)
        assert self._at is not None  # noqa: S101  else it would have been refused
        moov = self._with_items(b"".join(items))
        moved = self._with_places(moov, self._at + len(self._moov), len(moov) - len(self._moov))
        return [Splice(self._at, self._moov, moved)]

    def _with_items(self, items: bytes) -> bytes:
        """``moov`` with a list of items, in boxes that are made where they are not there."""
        path = self._path
        made = _box(b"ilst", items)
        if len(path) < 3:
            made = _box(b"meta", bytes(4) + _HANDLER + made)
        if len(path) < 2:
            made = _box(b"udta", made)
        last = path[-1]
        if len(path) == 4:
            moov = self._moov[: last.at] + made + self._moov[last.end :]
        else:
            end = last.end
            if last.name == b"udta" and self._moov[end - 4 : end] == bytes(4) and self._ends_open(last):
                end -= 4
            moov = self._moov[:end] + made + self._moov[end:]
        grown = len(moov) - len(self._moov)
        whole = bytearray(moov)
        for box in path if len(path) < 4 else path[:3]:
            struct.pack_into(">I", whole, box.at, box.end - box.at + grown)
        if len(whole) > MOST_TAG_BYTES:
            raise Unwritable("tags-too-large")
        return bytes(whole)

    def _ends_open(self, box: _Box) -> bool:
        """Whether a box ends with four zeros behind its last box."""
        ends = [each.end for each in self._boxes(box)]
        return (ends[-1] if ends else box.start) == box.end - 4

    def _with_places(self, moov: bytes, behind: int, moved: int) -> bytes:
        """``moov`` with the places of what lies behind it moved by so many bytes."""
        whole = bytearray(moov)
        if moved:
            for name, start, end in _tables(moov, 8, len(moov)):
                form = _OFFSETS[name]
                width = struct.calcsize(form)
                count = struct.unpack_from(">I", moov, start + 4)[0]
                if start + 8 + count * width > end:
                    raise Unwritable("container-damaged")
                for place in range(start + 8, start + 8 + count * width, width):
                    value = struct.unpack_from(form, moov, place)[0]
                    if value >= behind:
                        if value + moved >= 1 << (8 * width):
                            raise Unwritable("tags-too-large")
                        struct.pack_into(form, whole, place, value + moved)
        return bytes(whole)


def _tables(moov: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The tables of places in all tracks: their four letters, and where their contents begin and end."""
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", moov, at)
        if size < 8 or at + size > end:
            return
        if name in (b"trak", b"mdia", b"minf", b"stbl"):
            yield from _tables(moov, at + 8, at + size)
        elif name in _OFFSETS:
            yield name, at + 8, at + size
        at += size


def _box(name: bytes, contents: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(contents), name) + contents


def _inside(item: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(item):
        size, name = struct.unpack_from(">I4s", item, at)
        if size < 8 or at + size > len(item):
            return
        yield name, item[at + 8 : at + size]
        at += size


def _name_of(item: bytes) -> str:
    name = item[4:8].decode("latin-1")
    if name != "----":
        return name.upper()
    parts = dict(_inside(item))
    mean, own = parts.get(b"mean", b"")[4:], parts.get(b"name", b"")[4:]
    return f"{FREE_FORM}{mean.decode('utf-8', 'replace')}:{own.decode('utf-8', 'replace')}".upper()


def _texts_of(item: bytes) -> Iterator[str]:
    for name, contents in _inside(item):
        if name == b"data" and len(contents) >= 8:
            kind, value = int.from_bytes(contents[1:4], "big"), contents[8:]
            if kind == UTF8:
                yield value.decode("utf-8", "replace")
            elif kind in (0, INTEGER):
                yield str(int.from_bytes(value, "big", signed=kind == INTEGER))
            else:
                yield "?"  # it is there, and differs from whatever is to be written


def _made(name: str, texts: Sequence[str], former: bytes | None) -> bytes:
    head = b""
    if name.startswith(FREE_FORM):
        _, mean, own = name.split(":", 2)
        known = dict(_inside(former)) if former else {}
        head = _box(b"mean", known.get(b"mean", bytes(4) + mean.encode()))
        head += _box(b"name", known.get(b"name", bytes(4) + own.encode()))
    letters = former[4:8] if former else name[:4].encode("latin-1")
    data = []
    for text in texts:
        if name == "tmpo":
            if not re.fullmatch("[0-9]{1,5}", text) or int(text) > MOST_TEMPO:
                raise Unwritable("text-form")
            data.append(_box(b"data", struct.pack(">II", INTEGER, 0) + struct.pack(">H", int(text))))
        else:
            data.append(_box(b"data", struct.pack(">II", UTF8, 0) + text.encode("utf-8", "surrogateescape")))
    return _box(letters, head + b"".join(data))
