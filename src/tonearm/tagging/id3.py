"""Changes frames of an ID3v2 tag: its version, its order, its padding and every other frame stay as they are."""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tonearm.analysis.syncsafe import is_syncsafe, syncsafe, syncsafe_bytes
from tonearm.tagging.form import MOST_TAG_BYTES, Texts, Unwritable, Values, replaced

HEADER_BYTES = 10
UNSYNCHRONISED, EXTENDED, FOOTER = 0x80, 0x40, 0x10
_OLD_IDS = {"TBPM": "TBP", "TKEY": "TKE", "TXXX": "TXX", "TIT1": "TT1", "TIT2": "TT2", "TPE1": "TP1"}
_OLD_IDS |= {"TPE2": "TP2", "TALB": "TAL", "TCON": "TCO"}
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_UNREADABLE = 0xFF
"""Flags of a frame, version 2.3 and 2.4: compressed, encrypted, grouped and the like."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame as it is in the tag, header included."""

    id: str
    raw: bytes
    flags: int
    body: bytes


class Id3Tag:
    """One tag. ``data``: all of it from ``ID3`` on, padding included; empty for a new one of version 2.3."""

    def __init__(self, data: bytes) -> None:
        """Raises Unwritable where it is not well formed, or of a form that nobody writes."""
        data = data or b"ID3\x03\0\0\0\0\0\0"
        self._head = data[:HEADER_BYTES]
        self._version, flags = data[3], data[5]
        if self._version not in (2, 3, 4) or flags & FOOTER or (self._version == 2 and flags & EXTENDED):
            raise Unwritable("tag-form")
        body = data[HEADER_BYTES:]
        self._unsynchronised = bool(flags & UNSYNCHRONISED) and self._version < 4
        if self._unsynchronised:
            plain = body.replace(b"\xff\0", b"\xff")
            if _unsynchronised(plain) != body:
                raise Unwritable("tag-form")
            body = plain
        self._extended = self._extended_bytes(body) if flags & EXTENDED else 0
        self._start = body[: self._extended]
        self._plain_sizes = False
        self._frames, self._padding = self._read(body[self._extended :])

    def _extended_bytes(self, body: bytes) -> int:
        if len(body) < 6:
            raise Unwritable("tags-damaged")
        if self._version == 3:
            if body[4] & 0x80:
                raise Unwritable("tag-form")  # a checksum
            size = 4 + int.from_bytes(body[:4], "big")
        elif body[5] & 0x20:
            raise Unwritable("tag-form")
        else:
            size = syncsafe(body[:4])
        if size > len(body):
            raise Unwritable("tags-damaged")
        return size

    def _read(self, data: bytes) -> tuple[list[_Frame], bytes]:
        found = self._walked(data)
        if found is None and self._version == 4:  # some programs write sizes as version 2.3 has them
            self._plain_sizes = True
            found = self._walked(data)
        if found is None:
            raise Unwritable("tags-damaged")
        return found

    def _walked(self, data: bytes) -> tuple[list[_Frame], bytes] | None:
        """The frames and the padding; ``None`` where the sizes do not lead from frame to frame."""
        width, at, frames = 3 if self._version == 2 else 4, 0, []
        head_bytes = 6 if width == 3 else 10
        while at + head_bytes <= len(data) and data[at]:
            name = data[at : at + width]
            if re.fullmatch(rb"[A-Z][A-Z0-9]{2,3} ?", name) is None:
                return None
            raw_size = data[at + width : at + 2 * width]
            is_safe = self._version == 4 and not self._plain_sizes
            if is_safe and not is_syncsafe(raw_size):
                return None
            size = syncsafe(raw_size) if is_safe else int.from_bytes(raw_size, "big")
            end = at + head_bytes + size
            if end > len(data):
                return None
            flags = 0 if width == 3 else data[at + 9]
            frames.append(_Frame(name.decode(), data[at:end], flags, data[at + head_bytes : end]))
            at = end
        rest = data[at:]
        return (frames, rest) if not rest.strip(b"\0") else None

    def texts(self, names: Sequence[str]) -> Texts:
        """The texts of some names: ids of frames, for ``TXXX`` with the description behind a colon."""
        found: dict[str, list[str]] = {}
        for name in names:
            frames = [frame for frame in self._frames if self._is(frame, name)]
            found[name] = [text for frame in frames for text in _texts_of(frame, ":" in name)]
        return found

    @property
    def layout(self) -> str:
        """The version, and how sizes are written."""
        return f"id3v2.{self._version}{' plain' if self._plain_sizes else ''}"

    def entries(self, names: Sequence[str]) -> dict[str, list[bytes]]:
        """The frames of some names, whole."""
        return {name: [frame.raw for frame in self._frames if self._is(frame, name)] for name in names}

    def changed(self, changes: Values) -> bytes:
        """The whole tag with other texts. Raises Unwritable."""
        frames = list(self._frames)
        for name, texts in changes.items():
            places = [index for index, frame in enumerate(frames) if self._is(frame, name)]
            said = [text for text in texts if isinstance(text, str)]
            new = [_Frame(self._id(name), text, 0, b"") for text in texts if isinstance(text, bytes)]
            if said:
                new = [self._made(name, said, frames[places[0]] if places else None)]
            frames = replaced(frames, places, new)
        body = self._start + b"".join(frame.raw for frame in frames) + self._padding
        if self._unsynchronised:
            body = _unsynchronised(body)
        if len(body) > min(MOST_TAG_BYTES, (1 << 28) - 1):
            raise Unwritable("tags-too-large")
        return self._head[:6] + syncsafe_bytes(len(body)) + body

    def _id(self, name: str) -> str:
        base = name.partition(":")[0]
        if self._version > 2:
            return base
        if base not in _OLD_IDS:
            raise Unwritable("tag-form")
        return _OLD_IDS[base]

    def _is(self, frame: _Frame, name: str) -> bool:
        if frame.id != self._id(name):
            return False
        _, colon, description = name.partition(":")
        return not colon or _description(frame).upper() == description.upper()

    def _made(self, name: str, texts: Sequence[str], former: _Frame | None) -> _Frame:
        """A frame, in the encoding of the former one where that can hold the texts."""
        id_ = self._id(name)
        said = [*texts]
        if ":" in name:
            said.insert(0, (_description(former) if former else "") or name.partition(":")[2])
        encoding = former.body[0] if former and former.body and not former.flags & _UNREADABLE else 0
        body = _encoded(encoding, said, self._version)
        if self._version == 2:
            head = id_.encode() + len(body).to_bytes(3, "big")
            return _Frame(id_, head + body, 0, body)
        size = (
            syncsafe_bytes(len(body))
            if self._version == 4 and not self._plain_sizes
            else struct.pack(">I", len(body))
        )
        status = former.raw[8:9] if former else b"\0"
        return _Frame(id_, id_.encode() + size + status + b"\0" + body, 0, body)


def _encoded(encoding: int, texts: Sequence[str], version: int) -> bytes:
    usual = 3 if version == 4 else 1
    for tried in (encoding if encoding <= usual else usual, usual):
        end = b"\0\0" if tried in (1, 2) else b"\0"
        codec = _ENCODINGS[tried]
        try:
            parts = [
                b"\xff\xfe" + text.encode("utf-16-le") if tried == 1 else text.encode(codec) for text in texts
            ]
        except UnicodeEncodeError:
            continue
        return bytes([tried]) + end.join(parts)
    raise Unwritable("text-form")


def _texts_of(frame: _Frame, described: bool) -> list[str]:
    if frame.flags & _UNREADABLE:
        return ["?"]  # it is there, and not plain; whatever is to be written differs from it
    texts = _split(frame.body)
    return [text for text in (texts[1:] if described else texts) if text]


def _description(frame: _Frame) -> str:
    return "" if frame.flags & _UNREADABLE else (_split(frame.body) or [""])[0]


def _split(body: bytes) -> list[str]:
    if not body or body[0] >= len(_ENCODINGS):
        return []
    data = body[1:]
    if body[0] not in (1, 2):
        return [part.decode(_ENCODINGS[body[0]], "replace") for part in data.rstrip(b"\0").split(b"\0")]
    units = [data[at : at + 2] for at in range(0, len(data) - 1, 2)]
    texts: list[bytes] = [b""]
    for unit in units:
        if unit == b"\0\0":
            texts.append(b"")
        else:
            texts[-1] += unit
    while len(texts) > 1 and not texts[-1]:
        texts.pop()
    return [text.decode(_wide(text, body[0]), "replace") for text in texts]


def _wide(text: bytes, encoding: int) -> str:
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-16-be" if encoding == 2 else "utf-16-le"


def _unsynchronised(data: bytes) -> bytes:
    changed = re.sub(rb"\xff(?=[\xe0-\xff\0])", b"\xff\0", data)
    return changed + b"\0" if changed.endswith(b"\xff") else changed


def tag_bytes(head: bytes) -> int:
    """The bytes of the tag that begins with these ten, header included; 0 where none does. Raises Unwritable."""
    if len(head) < HEADER_BYTES or head[:3] != b"ID3":
        return 0
    if not is_syncsafe(head[6:10]):
        raise Unwritable("tags-damaged")
    return HEADER_BYTES + syncsafe(head[6:10])
