"""Reads the tags of Matroska and WebM files (RFC 8794, EBML; RFC 9559, Matroska)."""

from collections.abc import Iterator
from dataclasses import dataclass

from tonearm.analysis.file_window import Window
from tonearm.analysis.tags.tag_set import TagSet
from tonearm.analysis.tags.text import unmarked

MAX_ELEMENTS = 50_000
MAX_TEXT_BYTES = 1 << 20
SEGMENT, INFO, TAGS, ATTACHMENTS, CLUSTER = 0x18538067, 0x1549A966, 0x1254C367, 0x1941A469, 0x1F43B675
MUXING_APP = 0x4D80
TITLE, TAG, TARGETS, TARGET_LEVEL, SIMPLE_TAG = 0x7BA9, 0x7373, 0x63C0, 0x68CA, 0x67C8
TAG_NAME, TAG_STRING, TAG_BINARY = 0x45A3, 0x4487, 0x4485
ATTACHED_FILE, MEDIA_TYPE, FILE_DATA = 0x61A7, 0x4660, 0x465C
ALBUM_LEVEL = 50
"""Tags of this level or above tell of the album, those below of the track (RFC 9559, 21.2)."""
ALBUM_NAMES = {
    "TITLE": "ALBUM",
    "ARTIST": "ALBUMARTIST",
    "PART_NUMBER": "DISC",
    "TOTAL_PARTS": "TRACKTOTAL",
    "DATE_RELEASED": "DATE",
}
TRACK_NAMES = {"PART_NUMBER": "TRACK", "DATE_RELEASED": "DATE"}


@dataclass(frozen=True, slots=True)
class Element:
    """An element: its number, and where its contents begin and end."""

    id: int
    start: int
    end: int


def elements(file: Window, at: int, end: int) -> Iterator[Element]:
    """The elements between two offsets; one of unknown size reaches to the end."""
    for _ in range(MAX_ELEMENTS):
        head = file.part(at, min(12, max(0, end - at)))
        id_bytes = _length(head[:1])
        size_bytes = _length(head[id_bytes : id_bytes + 1])
        if not 1 <= id_bytes <= 4 or not size_bytes or id_bytes + size_bytes > len(head):
            return
        number = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big")
        size = number & ((1 << 7 * size_bytes) - 1)
        start = at + id_bytes + size_bytes
        unknown = size == (1 << 7 * size_bytes) - 1
        at = end if unknown else start + size
        yield Element(int.from_bytes(head[:id_bytes], "big"), start, min(at, end))


def _length(first: bytes) -> int:
    """How many bytes a number has, by its first one: as many as there are zeros before the first one bit, and one."""
    return 9 - first[0].bit_length() if first and first[0] else 0


def read_matroska(file: Window) -> TagSet:
    """Read the title, the tags and the pictures of a file. Raises ``OSError``."""
    found = TagSet("Matroska")
    for top in elements(file, 0, file.size):
        if top.id != SEGMENT:
            continue
        for element in elements(file, top.start, top.end):
            if element.id == INFO:
                for inner in elements(file, element.start, element.end):
                    if inner.id == TITLE:
                        found.add("TITLE", unmarked(_bytes(file, inner)))
            elif element.id == TAGS:
                _tags(file, element, found)
            elif element.id == ATTACHMENTS:
                _attachments(file, element, found)
    return found


def muxing_app(file: Window) -> bytes:
    """The name of the program or library that wrote the file; empty where it is not told. Raises ``OSError``."""
    for top in elements(file, 0, file.size):
        if top.id != SEGMENT:
            continue
        for element in elements(file, top.start, top.end):
            if element.id == INFO:
                names = elements(file, element.start, element.end)
                return next((_bytes(file, inner) for inner in names if inner.id == MUXING_APP), b"")
    return b""


def _bytes(file: Window, element: Element) -> bytes:
    return file.part(element.start, min(element.end - element.start, MAX_TEXT_BYTES)).rstrip(b"\0")


def _tags(file: Window, tags: Element, found: TagSet) -> None:
    for tag in elements(file, tags.start, tags.end):
        if tag.id != TAG:
            continue
        inside = list(elements(file, tag.start, tag.end))
        level = 0  # where none is written, as FFmpeg leaves it, it tells of the track
        for targets in inside:
            if targets.id == TARGETS:
                for one in elements(file, targets.start, targets.end):
                    if one.id == TARGET_LEVEL:
                        level = int.from_bytes(_bytes(file, one), "big")
        for simple in inside:
            if simple.id == SIMPLE_TAG:
                _simple(file, simple, level, found)


def _simple(file: Window, simple: Element, level: int, found: TagSet) -> None:
    """A name and its value; ``level``: what it tells of."""
    name = ""
    for element in elements(file, simple.start, simple.end):
        if element.id == TAG_NAME:
            name = _bytes(file, element).decode("utf-8", "replace").upper()
            names = ALBUM_NAMES if level >= ALBUM_LEVEL else {}
            name = names.get(name) or TRACK_NAMES.get(name, name)
        elif element.id == TAG_STRING:
            found.add(name, unmarked(_bytes(file, element)))
        elif element.id == TAG_BINARY:
            found.binary(name, element.end - element.start)


def _attachments(file: Window, attachments: Element, found: TagSet) -> None:
    """Pictures among the attached files."""
    for attached in elements(file, attachments.start, attachments.end):
        if attached.id != ATTACHED_FILE:
            continue
        mime, size = "", 0
        for element in elements(file, attached.start, attached.end):
            if element.id == MEDIA_TYPE:
                mime = _bytes(file, element).decode("latin-1")
            elif element.id == FILE_DATA:
                size = element.end - element.start
        if mime.startswith("image/"):
            found.picture("ATTACHMENT", mime, size)
