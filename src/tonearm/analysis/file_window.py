"""Recognises the kind of a file by its contents, and finds the part that holds audio, without the tags around it.

Tags before and after the audio (ID3, APE, Lyrics3) never reach the decoder: they cost no time there, cannot harm
it, and are no part of the identity of the audio.
"""

from typing import Protocol

from tonearm.analysis.bare_frames import aac_begins, first_bare_frame
from tonearm.analysis.flac_frames import flac_frames
from tonearm.analysis.kinds import AAC, HEAD_BYTES, MP3, ContainerFormat, kind_of
from tonearm.analysis.mpeg import first_frame, info_frame, is_free_format
from tonearm.analysis.syncsafe import is_syncsafe, syncsafe
from tonearm.analysis.unsupported_formats import FOREIGN_BYTES, check_foreign
from tonearm.errors import Fault, FileFault

SEARCH_BYTES = 1 << 20
"""The first MPEG frame is searched for in this many bytes of a file that begins with nothing known."""

ID3V1_BYTES = 128
ID3V2_HEADER_BYTES = 10
APE_HEADER_BYTES = 32
LYRICS3_FOOTER_BYTES = 15
LYRICS3_BEGIN, LYRICS3_END = b"LYRICSBEGIN", b"LYRICSEND"
LYRICS3_BYTES = 5100 + len(LYRICS3_BEGIN) + len(LYRICS3_END)
"""The first version of Lyrics3 tells no size, but has at most 5,100 bytes of text."""


class RawFile(Protocol):
    """The part of ``io.FileIO`` that is used; ``read`` may return fewer bytes than requested."""

    def read(self, size: int = -1, /) -> bytes | None: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...


class Window:
    """A view of the bytes ``start`` to ``end`` of a file, as a file of its own.

    ``error`` keeps a read error, because FFmpeg may report it as the end of the file. Several windows can share one
    file: each has a position of its own.
    """

    def __init__(self, file: RawFile, start: int, end: int) -> None:
        self._file = file
        self.start = start
        self.size = max(0, end - start)
        self.error: OSError | None = None
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes; fewer at the end only."""
        rest = self.size - self._at
        wanted = rest if size < 0 else min(size, rest)
        if wanted <= 0:
            return b""
        try:
            data = self._fetch(self._at, wanted)
        except OSError as error:
            self.error = error
            raise
        self._at += len(data)
        return data

    def _fetch(self, at: int, size: int) -> bytes:
        self._file.seek(self.start + at)  # other windows move the same file
        return self._file.read(size) or b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move as ``io.IOBase.seek`` does; return the new position."""
        self._at = max(0, (0, self._at, self.size)[whence] + offset)
        return self._at

    def tell(self) -> int:
        """Return the position inside the window."""
        return self._at

    def part(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes from ``offset``, fewer at the end; the position stays. Raises ``OSError``."""
        before = self._at
        self._at = max(0, offset)
        pieces: list[bytes] = []
        try:
            while size > 0 and (piece := self.read(size)):
                pieces.append(piece)
                size -= len(piece)
        finally:
            self._at = before
        return b"".join(pieces)


class MendedFile(Window):
    """A part of a window behind bytes that are not in it: a file with a header other than its own, for FFmpeg."""

    def __init__(self, head: bytes, window: Window, start: int, end: int) -> None:
        super().__init__(window, start - len(head), end)
        self._head = head

    def _fetch(self, at: int, size: int) -> bytes:
        if at < len(self._head):
            return self._head[at : at + size]
        return super()._fetch(at, size)


def os_reason(error: OSError) -> str:
    """The message of an error of the operating system."""
    return error.strerror or str(error)


def find_audio(file: RawFile) -> tuple[ContainerFormat, Window]:
    """Return the kind of a file, and the window of its audio.

    Raises ``FileFault``: ``EMPTY_FILE``, ``NOT_AUDIO``, ``UNSUPPORTED_FORMAT``, ``READ_ERROR``, and
    ``DAMAGED_HEADER`` for tags without audio behind them.
    """
    try:
        return _find_audio(file)
    except OSError as error:
        raise FileFault(Fault.READ_ERROR, os_reason(error)) from error


def _find_audio(file: RawFile) -> tuple[ContainerFormat, Window]:
    whole = Window(file, 0, file.seek(0, 2))
    if not whole.size:
        raise FileFault(Fault.EMPTY_FILE)
    start = leading_tags(whole)
    head = whole.part(start, HEAD_BYTES)
    kind = kind_of(head)
    if kind is None:
        check_foreign(whole.part(start, FOREIGN_BYTES))
    if kind is None and aac_begins(whole.part(start, SEARCH_BYTES)):
        kind = AAC
    elif kind is None:
        kind, start = _first_frame(whole, start, tagged=start > 0)
    end = trailing_tags(whole, start) if kind.tagged_around else whole.size
    return kind, Window(file, start, end)


def leading_tags(whole: Window) -> int:
    """Return where the ID3v2 and APE tags at the beginning end (id3.org, ID3v2.4.0 structure, 3.1).

    Of a tag that claims to reach past the end of the file, only the header is skipped.
    """
    at = 0
    while True:
        header, size = ID3V2_HEADER_BYTES, leading_tag_bytes(whole, at)
        if size is None:
            header, size = APE_HEADER_BYTES, leading_ape_bytes(whole, at)
        if size is None:
            return at
        if at + size >= whole.size:
            return at + header
        at += size


def leading_tag_bytes(whole: Window, at: int) -> int | None:
    """The size of the ID3v2 tag that begins at an offset, by its header; ``None`` if there is none."""
    head = whole.part(at, ID3V2_HEADER_BYTES)
    if head[:3] != b"ID3" or len(head) < ID3V2_HEADER_BYTES or not is_syncsafe(head[6:]):
        return None
    footer = ID3V2_HEADER_BYTES if head[5] & 0x10 else 0
    return ID3V2_HEADER_BYTES + syncsafe(head[6:]) + footer


def leading_ape_bytes(whole: Window, at: int) -> int | None:
    """The size of the APEv2 tag that begins at an offset, by its header; ``None`` if there is none."""
    head = whole.part(at, APE_HEADER_BYTES)
    if head[:8] != b"APETAGEX" or len(head) < APE_HEADER_BYTES or not head[23] & 0x20:
        return None
    return APE_HEADER_BYTES + int.from_bytes(head[12:16], "little")


def trailing_tags(whole: Window, start: int) -> int:
    """Return where the audio ends: before ID3v1, APE and Lyrics3 tags in any order."""
    end = whole.size
    while (shorter := without_last_tag(whole, end)) < end and shorter >= start:
        end = shorter
    return end


def without_last_tag(whole: Window, end: int) -> int:
    """Where the tag begins that ends at an offset: ID3v1, APE, Lyrics3 or ID3v2; ``end`` if there is none."""
    if whole.part(end - ID3V1_BYTES, 3) == b"TAG":
        return end - ID3V1_BYTES
    footer = whole.part(end - APE_HEADER_BYTES, min(end, APE_HEADER_BYTES))
    if footer[:8] == b"APETAGEX":
        header = APE_HEADER_BYTES if footer[23] & 0x80 else 0
        return end - int.from_bytes(footer[12:16], "little") - header
    if footer.endswith(b"LYRICS200") and footer[-LYRICS3_FOOTER_BYTES:-9].isdigit():
        return end - int(footer[-LYRICS3_FOOTER_BYTES:-9]) - LYRICS3_FOOTER_BYTES
    if footer.endswith(LYRICS3_END):
        begin = whole.part(end - LYRICS3_BYTES, min(end, LYRICS3_BYTES)).rfind(LYRICS3_BEGIN)
        return max(0, end - LYRICS3_BYTES) + begin if begin >= 0 else end
    if footer[-10:-7] == b"3DI" and is_syncsafe(footer[-4:]):
        return end - syncsafe(footer[-4:]) - 20
    return end


def _first_frame(whole: Window, start: int, tagged: bool) -> tuple[ContainerFormat, int]:
    """Where MPEG audio begins, or else AAC or AC-3 that was recorded from the middle of a frame on.

    MPEG audio begins at its first frames, or at the one before them that declares the length.
    """
    data = whole.part(start, SEARCH_BYTES)
    at = first_frame(data, ends=start + len(data) == whole.size)
    if at is not None:
        info = info_frame(data[:at])
        return MP3, start + (at if info is None else info)
    if (found := first_bare_frame(data)) is not None:
        return found[0], start + found[1]
    if is_free_format(data):
        raise FileFault(Fault.UNSUPPORTED_FORMAT, "MPEG audio in free format, without a bit rate")
    if flac_frames(data):
        raise FileFault(Fault.UNSUPPORTED_FORMAT, "FLAC without the beginning of the file")
    raise FileFault(Fault.DAMAGED_HEADER, MP3.title) if tagged else FileFault(Fault.NOT_AUDIO)
