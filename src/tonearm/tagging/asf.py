"""Changes attributes of a WMA (ASF) file: the extended description of its header, and the sizes that depend on it."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tonearm.analysis.asf import FILE_PROPERTIES
from tonearm.analysis.file_window import Window
from tonearm.analysis.tags.asf import EXTENDED_CONTENT, HEADER_BYTES, OBJECT_HEAD_BYTES
from tonearm.naming.splices import Splice
from tonearm.tagging.form import MOST_TAG_BYTES, Texts, Unwritable, Values, replaced

_SIGNATURE = bytes.fromhex("fcb3112223bdd211b4b700a0c955fc6e")
TEXT = 0
_WIDTHS = {3: "<I", 4: "<Q", 5: "<H", 2: "<I"}


@dataclass(frozen=True, slots=True)
class _Attribute:
    """An attribute as it is in the file."""

    name: str
    type: int
    value: bytes
    raw: bytes


class AsfTags:
    """The attributes of a WMA file."""

    layout = "asf"

    def __init__(self, window: Window) -> None:
        """Raises Unwritable and OSError."""
        size = int.from_bytes(window.part(16, 8), "little")
        if not HEADER_BYTES <= size <= min(MOST_TAG_BYTES, window.size):
            raise Unwritable("container-damaged")
        self._header = window.part(0, size)
        self._file_at: int | None = None
        self._extended: tuple[int, int] | None = None
        self._walk()
        self._attributes = self._read()
        self._is_sized = self._size_in_file() == window.size

    def _walk(self) -> None:
        at = HEADER_BYTES
        for _ in range(int.from_bytes(self._header[24:28], "little")):
            size = int.from_bytes(self._header[at + 16 : at + 24], "little")
            if size < OBJECT_HEAD_BYTES or at + size > len(self._header):
                raise Unwritable("container-damaged")
            kind = self._header[at : at + 16]
            if kind == _SIGNATURE:
                raise Unwritable("signed")
            if kind == FILE_PROPERTIES and size >= 48:
                self._file_at = at
            elif kind == EXTENDED_CONTENT and self._extended is None:
                self._extended = at, at + size
            at += size
        if at != len(self._header) or self._file_at is None:
            raise Unwritable("container-damaged")

    def _size_in_file(self) -> int:
        assert self._file_at is not None  # noqa: S101  else it would have been refused
        return int.from_bytes(self._header[self._file_at + 40 : self._file_at + 48], "little")

    def _read(self) -> list[_Attribute]:
        if self._extended is None:
            return []
        start, end = self._extended
        data, at, found = self._header[start:end], OBJECT_HEAD_BYTES + 2, []
        try:
            for _ in range(struct.unpack_from("<H", data, OBJECT_HEAD_BYTES)[0]):
                begin = at
                size = struct.unpack_from("<H", data, at)[0]
                name = data[at + 2 : at + 2 + size].decode("utf-16-le", "replace").rstrip("\0")
                at += 2 + size
                kind, size = struct.unpack_from("<HH", data, at)
                at += 4 + size
                found.append(_Attribute(name, kind, data[at - size : at], data[begin:at]))
        except struct.error as error:
            raise Unwritable("tags-damaged") from error
        if at != len(data):
            raise Unwritable("tags-damaged")
        return found

    def texts(self, names: Sequence[str]) -> Texts:
        """The texts of some names."""
        return {
            name: [
                _text_of(attribute)
                for attribute in self._attributes
                if attribute.name.upper() == name.upper()
            ]
            for name in names
        }

    def entries(self, names: Sequence[str]) -> dict[str, list[bytes]]:
        """The attributes of some names, whole."""
        return {
            name: [each.raw for each in self._attributes if each.name.upper() == name.upper()]
            for name in names
        }

    def splices(self, changes: Values) -> list[Splice]:
        """Another header, with the size of the file in it. Raises Unwritable."""
        attributes = list(self._attributes)
        for name, texts in changes.items():
            places = [i for i, each in enumerate(attributes) if each.name.upper() == name.upper()]
            own = attributes[places[0]].name if places else name
            new = [
                _made(own, text) if isinstance(text, str) else _Attribute(own, TEXT, b"", text)
                for text in texts
            ]
            attributes = replaced(attributes, places, new)
        raw = b"".join(attribute.raw for attribute in attributes)
        made = EXTENDED_CONTENT + struct.pack("<QH", OBJECT_HEAD_BYTES + 2 + len(raw), len(attributes)) + raw
        start, end = self._extended or (len(self._header), len(self._header))
        header = bytearray(self._header[:start] + made + self._header[end:])
        grown = len(header) - len(self._header)
        if len(header) > MOST_TAG_BYTES:
            raise Unwritable("tags-too-large")
        count = int.from_bytes(self._header[24:28], "little") + (self._extended is None)
        struct.pack_into("<QI", header, 16, len(header), count)
        if self._is_sized:
            assert self._file_at is not None  # noqa: S101  else it would have been refused
            place = self._file_at + (grown if self._file_at > start else 0)
            struct.pack_into("<Q", header, place + 40, self._size_in_file() + grown)
        return [Splice(0, self._header, bytes(header))]


def _text_of(attribute: _Attribute) -> str:
    if attribute.type == TEXT:
        return attribute.value.decode("utf-16-le", "replace").rstrip("\0")
    form = _WIDTHS.get(attribute.type)
    if form is None or len(attribute.value) != struct.calcsize(form):
        return "?"  # it is there, and differs from whatever is to be written
    return str(struct.unpack(form, attribute.value)[0])


def _made(name: str, text: str) -> _Attribute:
    key = (name + "\0").encode("utf-16-le")
    value = (text + "\0").encode("utf-16-le", "surrogatepass")
    if len(value) > 0xFFFF or len(key) > 0xFFFF:
        raise Unwritable("tags-too-large")
    raw = struct.pack("<H", len(key)) + key + struct.pack("<HH", TEXT, len(value)) + value
    return _Attribute(name, TEXT, value, raw)
