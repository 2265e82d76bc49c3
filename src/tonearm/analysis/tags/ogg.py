"""Reads the comments in the header packets of an Ogg stream (RFC 3533, RFC 7845, Vorbis I, RFC 9639, Speex manual)."""

from collections.abc import Iterator
from io import BytesIO
from itertools import islice

from tonearm.analysis.file_window import Window
from tonearm.analysis.ogg import FIRST, pages
from tonearm.analysis.tags.tag_set import TagSet
from tonearm.analysis.tags.vorbis import add_block, read_comments

MAX_HEADER_BYTES = 32 << 20
"""Header packets together, beyond which reading ends."""
MAX_PAGES = 20_000
MAX_FLAC_PACKETS = 200
_FIRST = {b"\x01vorbis": "vorbis", b"OpusHead": "opus", b"\x7fFLAC": "flac", b"Speex   ": "speex"}


def read_ogg(file: Window, at: int) -> TagSet:
    """Read the comments of the first audio stream whose pages begin at an offset. Raises ``OSError``."""
    found = TagSet("Vorbis comment")
    codec = ""
    for number, packet in enumerate(_header_packets(file, at)):
        if number == 0:
            codec = next(name for magic, name in _FIRST.items() if packet.startswith(magic))
        elif codec == "flac":
            block = _window(packet)
            add_block(block, 0, found)
            if packet[:1] >= b"\x80" or number > MAX_FLAC_PACKETS:  # the last metadata block
                return found
        else:
            skipped = {"vorbis": b"\x03vorbis", "opus": b"OpusTags", "speex": b""}[codec]
            if not packet.startswith(skipped):
                found.problem("the second packet has no comments")
            else:
                read_comments(_window(packet), len(skipped), len(packet), found)
            return found
    found.problem("the comments are cut off")
    return found


def _window(packet: bytes) -> Window:
    return Window(BytesIO(packet), 0, len(packet))


def _header_packets(file: Window, at: int) -> Iterator[bytes]:
    """The packets of the first stream that is audio, from its first one on; checksums are not looked at."""
    serial: int | None = None
    unfinished = bytearray()
    total = 0
    for page in islice(pages(file, at), MAX_PAGES):
        if serial is None and not (page.flags & FIRST and file.part(page.start, 8).startswith(tuple(_FIRST))):
            continue
        serial = page.serial if serial is None else serial
        if page.serial != serial:
            continue
        body = file.part(page.start, page.end - page.start)
        offset = 0
        for size in page.segments:
            unfinished += body[offset : offset + size]
            offset += size
            if size < 255:
                yield bytes(unfinished)
                unfinished.clear()
        total += len(body)
        if total > MAX_HEADER_BYTES:
            return
