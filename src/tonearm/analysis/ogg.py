"""Ogg pages (RFC 3533): where each link of a chained file lies, and whether the last page is whole."""

from tonearm.analysis.file_window import Window

PIECE_BYTES = 1 << 20
HEADER_BYTES = 27
FIRST_PAGE = b"OggS\0\2"
"""Capture pattern, version 0, and the flag of a stream's first page."""

TAIL_BYTES = 1 << 17
"""Holds the longest page (65,307 bytes) and as much again."""


def links(window: Window) -> list[tuple[int, int]]:
    """Return start and end of each link of a chained file; one link where nothing is chained.

    A link begins with the first pages of all its streams, one right behind another (RFC 3533, 4).
    Raises ``OSError``.
    """
    starts: list[int] = []
    headers_end = -1
    for at in _first_pages(window):
        if at != headers_end:
            starts.append(at)
        headers_end = at + _page_bytes(window.part(at, HEADER_BYTES + 255))
    if starts:
        starts[0] = 0  # whatever lies before the first page belongs to the first link
    return list(zip(starts, [*starts[1:], window.size], strict=True)) or [(0, window.size)]


def last_page_whole(window: Window) -> bool:
    """Whether the file reaches to the end of its last page. Raises ``OSError``."""
    tail = window.part(window.size - TAIL_BYTES, TAIL_BYTES)
    page = tail[max(0, tail.rfind(b"OggS\0")) :]
    return len(page) >= HEADER_BYTES and _page_bytes(page) <= len(page)


def _first_pages(window: Window) -> list[int]:
    """Offsets of all pages that are marked as the first of a stream."""
    found: list[int] = []
    overlap = len(FIRST_PAGE) - 1
    for offset in range(0, window.size, PIECE_BYTES):
        piece = window.part(offset, PIECE_BYTES + overlap)
        at = piece.find(FIRST_PAGE)
        while at >= 0:
            found.append(offset + at)
            at = piece.find(FIRST_PAGE, at + 1)
    return found


def _page_bytes(page: bytes) -> int:
    """The size of a page by its header: the sizes of its segments follow their number, at byte 26."""
    if len(page) < HEADER_BYTES:
        return HEADER_BYTES
    segments = page[HEADER_BYTES : HEADER_BYTES + page[26]]
    return HEADER_BYTES + page[26] + sum(segments)
