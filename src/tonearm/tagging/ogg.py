"""Changes the comments of Ogg Vorbis and Opus: the pages of headers are made anew, those of the audio stay."""

import struct
from collections.abc import Iterator, Sequence

from tonearm.analysis.file_window import Window
from tonearm.analysis.ogg import (
    FIRST,
    HEADER_BYTES,
    NO_POSITION,
    Page,
    checksum,
    is_whole,
    pages,
    with_checksum,
)
from tonearm.naming.splices import Splice
from tonearm.tagging.form import MOST_TAG_BYTES, Texts, Unwritable, Values
from tonearm.tagging.vorbis import Comments

CONTINUED = 1
_HEADERS = {b"\x01vorbis": (b"\x03vorbis", 3), b"OpusHead": (b"OpusTags", 2)}
"""By the beginning of the first packet: that of the comments, and how many packets of headers there are."""
_HEADER = struct.Struct("<4sBBqIII")
MOST_SEGMENTS = 255


class OggTags:
    """The comments of a file with one stream; chained and multiplexed files are refused."""

    layout = "vorbis"

    def __init__(self, window: Window) -> None:
        """Raises Unwritable and OSError."""
        self._window = window
        found = pages(window)
        first = next(found, None)
        if first is None or first.at != 0 or first.packets != 1 or not first.flags & FIRST:
            raise Unwritable("container-damaged")
        self._serial = first.serial
        opening = window.part(first.start, 8)
        known = next((each for each in _HEADERS.items() if opening.startswith(each[0])), None)
        if known is None:
            raise Unwritable("format")
        self.is_opus = opening == b"OpusHead"
        self._marker, self._count = known[1]
        self._pages = [*self._header_pages(found)]
        self._start, self._end = self._pages[0].at, self._pages[-1].end
        self._data = window.part(self._start, self._end - self._start)
        self._packets = self._joined()
        if len(self._packets) != self._count - 1 or not self._packets[0].startswith(self._marker):
            raise Unwritable("tags-damaged")
        self._comments = Comments(self._packets[0][len(self._marker) :])

    def _header_pages(self, found: Iterator[Page]) -> Iterator[Page]:
        packets, following, number = 1, None, 1
        for page in found:
            if page.serial != self._serial or page.flags & FIRST or page.number != number:
                raise Unwritable("several-streams")
            if following not in (None, page.at) or not is_whole(self._window, page):
                raise Unwritable("container-damaged")
            packets, following, number = packets + page.packets, page.end, number + 1
            yield page
            if page.end > MOST_TAG_BYTES or packets > self._count:
                break
            if packets == self._count and page.segments[-1:] != b"\xff":
                return
        raise Unwritable("container-damaged")

    def _joined(self) -> list[bytes]:
        """The packets in the pages of headers, without the first."""
        segments = b"".join(page.segments for page in self._pages)
        contents = b"".join(
            self._data[page.start - self._start : page.end - self._start] for page in self._pages
        )
        packets, at, size = [], 0, 0
        for segment in segments:
            size += segment
            if segment < 255:
                packets.append(contents[at : at + size])
                at, size = at + size, 0
        return packets

    def texts(self, names: Sequence[str]) -> Texts:
        """The texts of some names."""
        return self._comments.texts(names)

    def entries(self, names: Sequence[str]) -> dict[str, list[bytes]]:
        """The comments of some names, whole."""
        return self._comments.entries(names)

    def splices(self, changes: Values) -> list[Splice]:
        """Other pages of headers; where their number changes, all later pages get another number. Raises Unwritable."""
        comments = self._marker + self._comments.changed(changes)
        if len(comments) > MOST_TAG_BYTES:
            raise Unwritable("tags-too-large")
        new = [*self._made([comments, *self._packets[1:]])]
        found = [Splice(self._start, self._data, b"".join(new))]
        shift = len(new) - len(self._pages)
        return found + ([*self._renumbered(shift)] if shift else [])

    def _made(self, packets: Sequence[bytes]) -> Iterator[bytes]:
        """Pages that hold the packets, as few as possible."""
        segments: list[int] = []
        for packet in packets:
            segments += [255] * (len(packet) // 255) + [len(packet) % 255]
        contents, number, is_continued = b"".join(packets), 1, False
        while segments:
            own, segments = segments[:MOST_SEGMENTS], segments[MOST_SEGMENTS:]
            ends = any(size < 255 for size in own)
            head = _HEADER.pack(
                b"OggS", 0, CONTINUED * is_continued, 0 if ends else NO_POSITION, self._serial, number, 0
            )
            size = sum(own)
            page = head + bytes([len(own)]) + bytes(own) + contents[:size]
            yield with_checksum(page)
            contents, number, is_continued = contents[size:], number + 1, own[-1] == 255

    def _renumbered(self, shift: int) -> Iterator[Splice]:
        following = self._end
        for page in pages(self._window, self._end):
            if page.serial != self._serial or page.flags & FIRST:
                raise Unwritable("several-streams")
            data = self._window.part(page.at, page.end - page.at)
            if page.at != following or len(data) < HEADER_BYTES or checksum(data) != page.checksum:
                raise Unwritable("container-damaged")
            following = page.end
            new = data[:18] + struct.pack("<I", (page.number + shift) & 0xFFFFFFFF) + data[22:]
            yield Splice(page.at + 18, data[18:26], with_checksum(new)[18:26])
