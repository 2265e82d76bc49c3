"""Takes Ogg files apart into pages, and puts changed ones together (RFC 3533)."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

FIRST, LAST = 2, 4
_HEAD = struct.Struct("<4sBBqIIIB")


@dataclass(frozen=True)
class Page:
    """A page. ``position``: its granule position, -1 for none. ``broken``: its checksum is to be wrong."""

    flags: int
    position: int
    serial: int
    number: int
    segments: bytes
    data: bytes
    broken: bool = False

    def written(self) -> bytes:
        """Its bytes, with the checksum that it should have, or another one."""
        head = _HEAD.pack(
            b"OggS", 0, self.flags, self.position, self.serial, self.number, 0, len(self.segments)
        )
        page = head + self.segments + self.data
        return page[:22] + struct.pack("<I", _checksum(page) ^ self.broken) + page[26:]


def pages_of(file: bytes) -> list[Page]:
    """Every page of a file without gaps."""
    found, at = [], 0
    while at < len(file):
        _, _, flags, position, serial, number, _, count = _HEAD.unpack_from(file, at)
        segments = file[at + 27 : at + 27 + count]
        start = at + 27 + count
        at = start + sum(segments)
        found.append(Page(flags, position, serial, number, segments, file[start:at]))
    return found


def joined(pages: Sequence[Page]) -> bytes:
    """A file of some pages."""
    return b"".join(page.written() for page in pages)


def changed(file: bytes, change: Callable[[list[Page]], list[Page]]) -> bytes:
    """A file whose pages went through ``change``."""
    return joined(change(pages_of(file)))


def shifted(file: bytes, samples: int) -> bytes:
    """A file whose stream was recorded from its middle on: every position of audio is later by some samples."""

    def later(pages: list[Page]) -> list[Page]:
        return [
            replace(page, position=page.position + samples) if page.position > 0 else page for page in pages
        ]

    return changed(file, later)


def with_packets(file: bytes, second: bytes) -> bytes:
    """A file whose second packet, the comments, is another one; the numbers of the pages behind it are kept right."""
    pages = pages_of(file)
    headers, count = 1, 1
    while pages[count].position <= 0 and count < len(pages) - 1:
        count += 1
        headers += 1
    packets = _packets(pages[1:headers])
    packets[0] = second
    body = _in_pages(packets, pages[0].serial)
    rest = [replace(page, number=number) for number, page in enumerate(pages[headers:], 1 + len(body))]
    return joined([pages[0], *body, *rest])


def comment_packet(file: bytes) -> bytes:
    """The packet of a file that holds its comments."""
    return _packets(pages_of(file)[1:])[0]


def _packets(pages: Sequence[Page]) -> list[bytes]:
    packets, unfinished = [], b""
    for page in pages:
        at = 0
        for size in page.segments:
            unfinished += page.data[at : at + size]
            at += size
            if size < 255:
                packets.append(unfinished)
                unfinished = b""
    return packets


def _in_pages(packets: Sequence[bytes], serial: int) -> list[Page]:
    """Pages of headers, from the second page of a stream on."""
    segments = bytearray()
    for packet in packets:
        segments += b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    pages: list[Page] = []
    data, at = b"".join(packets), 0
    for start in range(0, len(segments), 255):
        part = bytes(segments[start : start + 255])
        goes_on = start > 0 and segments[start - 1] == 255
        ends = any(size < 255 for size in part)
        pages.append(
            Page(int(goes_on), 0 if ends else -1, serial, len(pages) + 1, part, data[at : at + sum(part)])
        )
        at += sum(part)
    return pages


def _table() -> tuple[int, ...]:
    values = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if value & 0x80000000 else value << 1
        values.append(value)
    return tuple(values)


_TABLE = _table()


def _checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _TABLE[value >> 24 ^ byte]
    return value
