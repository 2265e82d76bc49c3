"""Ogg pages (RFC 3533): where each link of a chained file lies, where its audio ends, and what is missing of it."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tonearm.analysis.file_window import MendedFile, Window

PIECE_BYTES = 1 << 20
HEADER_BYTES = 27
CAPTURE = b"OggS\0"
FIRST, LAST = 2, 4
NO_POSITION = -1
TAIL_BYTES = 1 << 17
"""Holds the longest page (65,307 bytes) and as much again."""
MAX_PACKETS_OF_HEADER = 3
FLAC_HEADER = b"\x7fFLAC"
MOST_REPLACED = 11_025
"""So many samples before headers that come again are replaced by the stream behind them, whose positions begin anew."""
VORBIS_HEADERS = (b"\x01vorbis", b"\x03vorbis", b"\x05vorbis")
OPUS_MOST = 5760
"""Samples at 48 kHz of the longest packet of Opus, 120 ms (RFC 6716, 2)."""

_HEADER = struct.Struct("<4xBBqIIIB")


class Page(NamedTuple):  # a file has thousands: tuples are made four times as fast as other records
    """The header of a page. ``at``: its offset. ``position``: of the last sample that ends in it, or ``NO_POSITION``.

    segments: the size of each.
    """

    at: int
    flags: int
    position: int
    serial: int
    number: int
    checksum: int
    segments: bytes

    @property
    def start(self) -> int:
        """Offset of its contents."""
        return self.at + HEADER_BYTES + len(self.segments)

    @property
    def end(self) -> int:
        """Offset of what follows it."""
        return self.start + sum(self.segments)

    @property
    def packets(self) -> int:
        """Number of packets that end in it."""
        return len(self.segments) - self.segments.count(255)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of audio in a link.

    serial: its number. start_position: where it begins, ``None`` if only its packets tell. end_position: of its last
    sample, as its last page says, ``None`` if no page says one. lost_pages: number of pages that are missing between
    its first and its last. ended: whether the last is marked so. end_lost: the last page is damaged, and its position
    with it.
    """

    serial: int
    start_position: int | None
    end_position: int | None
    lost_pages: int
    ended: bool
    end_lost: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a chained file: where it begins and ends, its first stream of audio, and bytes outside of pages."""

    start: int
    end: int
    audio: Stream | None
    stray_bytes: int = 0


@dataclass(slots=True)
class _Track:
    """What is seen of one stream. sounding: its first page of audio; next: the one behind that.

    early: a page at position 0, as those of headers are, with more packets than these have.
    last: its last page with a position; before: the one before that.
    """

    first: Page
    sounding: Page | None = None
    next: Page | None = None
    early: Page | None = None
    last: Page | None = None
    before: Page | None = None
    lost: int = 0
    ended: bool = False
    following: int = 0

    def add(self, page: Page) -> None:
        if page is not self.first and page.number > self.following:
            self.lost += page.number - self.following
        self.following = page.number + 1
        self.ended = bool(page.flags & LAST)
        if page.position != NO_POSITION and page.packets:
            self.before, self.last = self.last, page
            if self.sounding is not None and self.next is None:
                self.next = page
            elif page.position > 0 and self.sounding is None:
                self.sounding = page
            elif page.packets > MAX_PACKETS_OF_HEADER and self.sounding is None:
                self.early = page


def links(window: Window) -> list[Link]:
    """The links of a file; one where nothing is chained. Bytes that are no pages belong to the link before them.

    A link begins with the first pages of all its streams, one right behind another (RFC 3533, 4). Raises ``OSError``.
    """
    found: list[tuple[int, dict[int, _Track]]] = []
    stray: list[int] = []
    in_headers, following = False, window.size
    for page in pages(window):
        if page.flags & FIRST:
            if not in_headers:
                found.append((page.at, {}))
                stray.append(0)
            found[-1][1][page.serial] = _Track(page)
        in_headers = bool(page.flags & FIRST)
        if stray:
            stray[-1] += max(0, page.at - following)
        following = page.end
        if found and page.serial in found[-1][1]:
            found[-1][1][page.serial].add(page)
    if not found:
        return [Link(0, window.size, None)]
    stray[-1] += max(0, window.size - following)
    starts = [
        0,
        *[at for at, _ in found[1:]],
    ]  # whatever lies before the first page belongs to the first link
    ends = [*starts[1:], window.size]
    return [
        Link(start, end, _audio(window, tracks.values()), lost)
        for start, end, (_, tracks), lost in zip(starts, ends, found, stray, strict=True)
    ]


def _audio(window: Window, tracks: Iterable[_Track]) -> Stream | None:
    """The first stream whose first packet begins as those of audio do."""
    for track in tracks:
        most = _most_samples(window.part(track.first.start, 80))
        if most is not None:
            start = _start_position(window, track, most)
            end = _end_position(window, track, most)
            end_lost = track.last is not None and end != track.last.position
            return Stream(track.first.serial, start, end, track.lost, track.ended, end_lost)
    return None


def _most_samples(packet: bytes) -> int | None:
    """How many samples a packet of a stream holds at most, by its first packet; ``None`` for what is no audio."""
    if packet.startswith(VORBIS_HEADERS[0]) and len(packet) >= 29:
        return 1 << (packet[28] >> 4)  # Vorbis I, 4.2.2
    if packet.startswith(b"OpusHead"):
        return OPUS_MOST
    if packet.startswith(FLAC_HEADER) and len(packet) >= 21:
        return int.from_bytes(packet[19:21], "big")  # RFC 9639, 10.1 and 8.2
    if packet.startswith(b"Speex   ") and len(packet) >= 68:
        return int.from_bytes(packet[56:60], "little") * max(1, int.from_bytes(packet[64:68], "little"))
    return None


def _start_position(window: Window, track: _Track, most_samples: int) -> int | None:
    """Where a stream begins if its packets can't tell: those of FLAC don't, those of a damaged page are passed over.

    A damaged first page is the beginning where its packets, and those of the next one, can last so long.
    """
    page, early = track.sounding, track.early
    if page is not None and early is not None and not is_whole(window, early):
        return 0 if page.position <= most_samples * (early.packets + page.packets) else None
    if page is None or page is track.last:
        return None
    if not is_whole(window, page):
        behind = track.next or page
        packets = page.packets + (behind.packets if behind is not page else 0)
        return 0 if behind.position <= most_samples * packets else None
    ahead = page.position - most_samples * page.packets
    return max(0, ahead) if window.part(track.first.start, 5) == FLAC_HEADER else None


def _end_position(window: Window, track: _Track, most_samples: int) -> int | None:
    """The position of the last page; if that page is damaged, only where its packets can last from the one before."""
    last, before = track.last, track.before
    if last is None or before is None or is_whole(window, last):
        return None if last is None else last.position
    ahead = last.position - before.position
    return last.position if 0 <= ahead <= most_samples * last.packets else before.position


def pages(window: Window, at: int = 0) -> Iterator[Page]:
    """Every page from an offset on, by its header alone; behind a place that is none, the next one is searched for."""
    base, data = at, b""
    while at + HEADER_BYTES <= window.size:
        if at + HEADER_BYTES + 255 > base + len(data):
            base, data = at, window.part(at, PIECE_BYTES)
            if len(data) < HEADER_BYTES:
                return
        place = at - base
        if data[place : place + 5] != CAPTURE:
            place = data.find(CAPTURE, place + 1)
            at = base + place if place >= 0 else base + max(len(data) - 4, at - base + 1)
            continue
        page = _page(data[place : place + HEADER_BYTES + 255], at)
        yield page
        at = page.end


def _page(head: bytes, at: int) -> Page:
    _, flags, position, serial, number, checksum, count = _HEADER.unpack_from(head)
    segments = head[HEADER_BYTES : HEADER_BYTES + count]
    return Page(at, flags, position, serial, number, checksum, segments)


def last_page_whole(window: Window) -> bool:
    """Whether the file reaches to the end of its last page. Raises ``OSError``."""
    tail = window.part(window.size - TAIL_BYTES, TAIL_BYTES)
    page = tail[max(0, tail.rfind(CAPTURE)) :]
    return len(page) >= HEADER_BYTES and _page(page, 0).end <= len(page)


def is_whole(window: Window, page: Page) -> bool:
    """Whether a page is there to its end, with the checksum that it should have. Raises ``OSError``."""
    data = window.part(page.at, page.end - page.at)
    return len(data) == page.end - page.at and checksum(data) == page.checksum


def checksum(page: bytes) -> int:
    """The checksum of a page (RFC 3533, 6), in which its own four bytes count as zeros.

    It has the polynomial of ``zlib.crc32``, but takes the bits of each byte in the other order, and begins with zeros.
    """
    mirrored = (page[:22] + bytes(4) + page[26:]).translate(_MIRRORED)
    value = zlib.crc32(mirrored, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(value.to_bytes(4, "little").translate(_MIRRORED), "big")


def with_checksum(page: bytes) -> bytes:
    """A page with the checksum that it should have."""
    return page[:22] + struct.pack("<I", checksum(page)) + page[26:]


_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def without_repeated_headers(window: Window, serial: int) -> MendedFile | None:
    """A link that repeats the headers of Vorbis in its first page of audio, or in one where its positions begin anew,
    without these and without the audio before them; ``None`` for any other link.

    Players pass over such packets, and FFmpeg refuses the file. Raises ``OSError``.
    """
    headers = sound_at = last = 0
    for page in pages(Window(window, 0, min(window.size, PIECE_BYTES))):
        if page.serial != serial or last > MOST_REPLACED:
            return None
        if headers < MAX_PACKETS_OF_HEADER:
            headers, sound_at = headers + page.packets, page.end
        elif page.position != NO_POSITION and page.position <= last:
            return _mended(window, page, sound_at)
        elif page.at == sound_at and (mended := _mended(window, page, sound_at)) is not None:
            return mended
        else:
            last = max(last, page.position)
    return None


def _mended(window: Window, page: Page, sound_at: int) -> MendedFile | None:
    """A link that goes on after its headers with what is audio in a page; ``None`` if all in it is."""
    data = window.part(page.at, page.end - page.at)
    place, sizes, contents = page.start - page.at, b"", b""
    for packet in _packet_segments(page.segments):
        size = sum(packet)
        if not data[place : place + size].startswith(VORBIS_HEADERS):
            sizes, contents = sizes + packet, contents + data[place : place + size]
        place += size
    if len(sizes) == len(page.segments):
        return None
    position = struct.pack("<q", max(page.position, 0))
    head = data[:6] + position + data[14:26] + bytes([len(sizes)]) + sizes + contents
    return MendedFile(window.part(0, sound_at) + with_checksum(head), window, page.end, window.size)


def _packet_segments(segments: bytes) -> Iterator[bytes]:
    """The sizes of the segments of each packet in a page; the last may go on in the next page."""
    start = 0
    for at, size in enumerate(segments):
        if size < 255:
            yield segments[start : at + 1]
            start = at + 1
    if start < len(segments):
        yield segments[start:]
