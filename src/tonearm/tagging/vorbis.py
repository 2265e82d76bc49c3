"""Changes the comments of Vorbis, which FLAC and Opus use too, and FLAC's block of them."""

import struct
from collections.abc import Sequence

from tonearm.analysis.file_window import Window
from tonearm.naming.splices import Splice
from tonearm.tagging.form import MOST_TAG_BYTES, Texts, Unwritable, Values, replaced

VENDOR = b"Tonearm"
COMMENT_BLOCK = 4
LAST_BLOCK = 0x80
MOST_BLOCK_BYTES = (1 << 24) - 1


class Comments:
    """A list of comments, with the vendor before it and what follows it; names may differ in case."""

    def __init__(self, data: bytes) -> None:
        """Raises Unwritable where it is not well formed."""
        try:
            size, at = _number(data, 0), 4
            self._vendor = data[at : at + size]
            at += size
            count, at = _number(data, at), at + 4
            self._entries: list[bytes] = []
            for _ in range(count):
                size, at = _number(data, at), at + 4
                if at + size > len(data):
                    raise Unwritable("tags-damaged")
                self._entries.append(data[at : at + size])
                at += size
        except struct.error as error:
            raise Unwritable("tags-damaged") from error
        self._rest = data[at:]

    def texts(self, names: Sequence[str]) -> Texts:
        """The texts of some names."""
        return {
            name: [
                entry.partition(b"=")[2].decode("utf-8", "replace")
                for entry in self._entries
                if _is_named(entry, name)
            ]
            for name in names
        }

    def entries(self, names: Sequence[str]) -> dict[str, list[bytes]]:
        """The comments of some names, whole."""
        return {name: [entry for entry in self._entries if _is_named(entry, name)] for name in names}

    def changed(self, changes: Values) -> bytes:
        """The list with other texts: in the places of the former ones, and at the end where there were none."""
        entries = list(self._entries)
        for name, texts in changes.items():
            places = [index for index, entry in enumerate(entries) if _is_named(entry, name)]
            key = entries[places[0]].partition(b"=")[0] if places else name.encode()
            new = [
                key + b"=" + text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
                for text in texts
            ]
            entries = replaced(entries, places, new)
        parts = [struct.pack("<I", len(entry)) + entry for entry in entries]
        head = struct.pack("<I", len(self._vendor)) + self._vendor + struct.pack("<I", len(entries))
        return head + b"".join(parts) + self._rest


def _number(data: bytes, at: int) -> int:
    value: int = struct.unpack_from("<I", data, at)[0]
    return value


def _is_named(entry: bytes, name: str) -> bool:
    return entry.partition(b"=")[0].upper() == name.encode()


class FlacTags:
    """The comments of a FLAC file."""

    layout = "vorbis"

    def __init__(self, window: Window, start: int) -> None:
        """``start``: where ``fLaC`` is. Raises Unwritable and OSError."""
        at = start + 4
        self._first: int | None = None
        self._block: tuple[int, bytes] | None = None
        while True:
            head = window.part(at, 4)
            if len(head) < 4 or head[0] == 0xFF:
                raise Unwritable("tags-damaged")
            size = int.from_bytes(head[1:], "big")
            if self._first is None:
                self._first, self._first_head, self._first_size = at, head, size
            if head[0] & 0x7F == COMMENT_BLOCK and self._block is None:
                data = window.part(at + 4, size)
                if len(data) < size:
                    raise Unwritable("tags-damaged")
                self._block = at, head + data
            at += 4 + size
            if at > window.size:
                raise Unwritable("container-damaged")
            if head[0] & LAST_BLOCK:
                break
        empty = struct.pack("<I", len(VENDOR)) + VENDOR + struct.pack("<I", 0)
        self._comments = Comments(self._block[1][4:] if self._block else empty)

    def texts(self, names: Sequence[str]) -> Texts:
        """The texts of some names."""
        return self._comments.texts(names)

    def entries(self, names: Sequence[str]) -> dict[str, list[bytes]]:
        """The comments of some names, whole."""
        return self._comments.entries(names)

    def splices(self, changes: Values) -> list[Splice]:
        """Another block of comments; every other block and the padding stay. Raises Unwritable."""
        data = self._comments.changed(changes)
        if len(data) > min(MOST_BLOCK_BYTES, MOST_TAG_BYTES):
            raise Unwritable("tags-too-large")
        size = len(data).to_bytes(3, "big")
        if self._block is not None:
            at, old = self._block
            return [Splice(at, old, old[:1] + size + data)]
        assert self._first is not None  # noqa: S101  a FLAC file has a first block
        head, at = self._first_head, self._first + 4 + self._first_size
        is_last = head[0] & LAST_BLOCK
        flags = [Splice(self._first, head[:1], bytes([head[0] & 0x7F]))] if is_last else []
        return [*flags, Splice(at, b"", bytes([COMMENT_BLOCK | is_last]) + size + data)]
