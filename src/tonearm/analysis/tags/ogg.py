"""Reads the comments in the header packets of an Ogg stream (RFC 3533, RFC 7845, Vorbis I, RFC 9639, Speex manual)."""

from collections.abc import Iterator

from tonearm.analysis.byte_file import ByteFile
from tonearm.analysis.file_window import Window
from tonearm.analysis.tags.tag_set import TagSet
from tonearm.analysis.tags.vorbis import add_block, read_comments

PAGE_HEADER_BYTES = 27
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
    return Window(ByteFile(packet), 0, len(packet))


def _header_packets(file: Window, at: int) -> Iterator[bytes]:
    """The packets of the first stream that is audio, from its first one on; checksums are not looked at."""
    serial: bytes | None = None
    unfinished = b""
    total = 0
    for head, segments, body in _pages(file, at):
        first = bool(head[5] & 2)
        if serial is None and not (first and any(body.startswith(magic) for magic in _FIRST)):
            continue
        serial = serial or head[14:18]
        if head[14:18] != serial:
            continue
        offset = 0
        for size in segments:
            unfinished += body[offset : offset + size]
            offset += size
            if size < 255:
                yield unfinished
                unfinished = b""
        total += len(body)
        if total > MAX_HEADER_BYTES:
            return


def _pages(file: Window, at: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Header, sizes of the segments and contents of each page, from an offset on, until one is not whole."""
    for _ in range(MAX_PAGES):
        head = file.part(at, PAGE_HEADER_BYTES + 255)
        if head[:4] != b"OggS" or len(head) < PAGE_HEADER_BYTES:
            return
        segments = head[PAGE_HEADER_BYTES : PAGE_HEADER_BYTES + head[26]]
        start = at + PAGE_HEADER_BYTES + len(segments)
        at = start + sum(segments)
        yield head, segments, file.part(start, at - start)
