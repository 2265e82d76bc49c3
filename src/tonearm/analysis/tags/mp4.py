"""Reads the tags of MP4 and QuickTime files: iTunes' list, QuickTime's named items, and QuickTime's user data.

Sources: Apple, QuickTime File Format (user data atoms, metadata item list); 3GPP TS 26.244, 8 (asset information).
"""

from tonearm.analysis.boxes import Box, boxes
from tonearm.analysis.file_window import Window
from tonearm.analysis.tags.genres import GENRES
from tonearm.analysis.tags.tag_set import TagSet
from tonearm.analysis.tags.text import Text, mac_roman, unmarked, utf16

MAX_TEXT_BYTES = 1 << 20
MAX_KEYS = 5_000
_UTF8, _UTF16, _JPEG, _PNG, _SIGNED, _UNSIGNED, _BMP = 1, 2, 13, 14, 21, 22, 27
_IMAGES = {_JPEG: "image/jpeg", _PNG: "image/png", _BMP: "image/bmp"}
_PAIRS = (b"trkn", b"disk")
_ASSET_TEXTS = frozenset((b"titl", b"perf", b"auth", b"albm", b"gnre", b"dscp", b"cprt"))
_MACINTOSH_LANGUAGES = range(0x400)
"""Text with these numbers of languages is in the encodings of Macintosh computers, mostly Roman."""
_NUMBERS = frozenset((b"tmpo", b"cpil", b"pgap", b"pcst", b"rtng", b"stik", b"hdvd", b"shwm"))


def read_mp4(file: Window, at: int) -> list[TagSet]:
    """Read the tags of a file whose boxes begin at an offset, the most usual form first. Raises ``OSError``."""
    listed, named, old = TagSet("MP4"), TagSet("QuickTime metadata"), TagSet("QuickTime user data")
    for top in boxes(file, at, file.size):
        if top.name == b"moov":
            for box in boxes(file, top.start, top.end):
                if box.name == b"udta":
                    _user_data(file, box, listed, named, old)
                elif box.name == b"meta":
                    _metadata(file, box, listed, named)
        elif top.name == b"meta":
            _metadata(file, top, listed, named)
    return [listed, named, old]


def _user_data(file: Window, udta: Box, listed: TagSet, named: TagSet, old: TagSet) -> None:
    for box in boxes(file, udta.start, udta.end):
        if box.name == b"meta":
            _metadata(file, box, listed, named)
        elif box.name[:1] == b"\xa9":
            _old_text(file, box, old)
        elif box.name in _ASSET_TEXTS:
            _asset_text(file, box, old)
        elif box.name == b"yrrc":  # version and flags, and the year as a number
            old.write("yrrc", str(int.from_bytes(file.part(box.start + 4, 2), "big")))


def _metadata(file: Window, meta: Box, listed: TagSet, named: TagSet) -> None:
    """A meta box. Its version and flags are missing where QuickTime, or a program that copies it, has written it."""
    for start in (meta.start + 4, meta.start):
        inside = {box.name: box for box in boxes(file, start, meta.end)}
        if (items := inside.get(b"ilst")) is not None:
            break
    else:
        return
    names = _key_names(file, inside[b"keys"]) if b"keys" in inside else []
    for item in boxes(file, items.start, items.end):
        number = int.from_bytes(item.name, "big")
        if names and 0 < number <= len(names):
            _item(file, item, names[number - 1], named)
        else:
            _item(file, item, item.name.decode("latin-1"), listed)


def _key_names(file: Window, keys: Box) -> list[str]:
    """The names that the items of QuickTime refer to by number, without "com.apple.quicktime."."""
    return [
        file.part(box.start, min(box.end - box.start, 300))
        .decode("utf-8", "replace")
        .removeprefix("com.apple.quicktime.")
        for box, _ in zip(boxes(file, keys.start + 8, keys.end), range(MAX_KEYS), strict=False)
    ]


def _item(file: Window, item: Box, key: str, found: TagSet) -> None:
    mean = name = ""
    for box in boxes(file, item.start, item.end):
        if box.name == b"mean":
            mean = _plain(file, box)
        elif box.name == b"name":
            name = _plain(file, box)
        elif box.name == b"data":
            _value(file, box, f"----:{mean}:{name}" if item.name == b"----" else key, item.name, found)


def _plain(file: Window, box: Box) -> str:
    return file.part(box.start + 4, min(box.end - box.start - 4, 300)).decode("utf-8", "replace")


def _value(file: Window, data: Box, key: str, name: bytes, found: TagSet) -> None:
    """A value: its kind (4 bytes), its locale (4), and the value itself."""
    kind = int.from_bytes(file.part(data.start, 4), "big") & 0xFFFFFF
    start, size = data.start + 8, max(0, data.end - data.start - 8)
    if name == b"covr" or kind in _IMAGES:
        found.picture(key, _IMAGES.get(kind, "image"), size)
        return
    raw = file.part(start, min(size, MAX_TEXT_BYTES))
    if name in _PAIRS and kind != _UTF8 and size >= 4:
        number, total = int.from_bytes(raw[2:4], "big"), int.from_bytes(raw[4:6], "big")
        found.write(key, f"{number}/{total}" if total else str(number))
    elif name == b"gnre" and size == 2:
        number = int.from_bytes(raw, "big")
        if 0 < number <= len(GENRES):
            found.write(key, GENRES[number - 1])
    elif kind in (_SIGNED, _UNSIGNED) or (name in _NUMBERS and kind == 0 and size <= 8):
        found.write(key, str(int.from_bytes(raw, "big", signed=kind != _UNSIGNED)))
    elif kind == _UTF16:
        found.add(key, utf16(raw, "utf-16-be"))
    elif kind in (0, _UTF8, 4, 5) and not (kind == 0 and b"\0" in raw):
        found.add(key, unmarked(raw))
    else:
        found.binary(key, size)


def _old_text(file: Window, box: Box, found: TagSet) -> None:
    """Texts of QuickTime's user data: size and language, two bytes each, and the text; iTunes' form is met as well."""
    key = box.name.decode("latin-1")
    for inner in boxes(file, box.start, box.end):
        if inner.name == b"data":
            _value(file, inner, key, box.name, found)
            return
    at = box.start
    while at + 4 <= box.end:
        head = file.part(at, 4)
        size, language = int.from_bytes(head[:2], "big"), int.from_bytes(head[2:], "big")
        raw = file.part(at + 4, min(size, box.end - at - 4))
        if raw.startswith((b"\xfe\xff", b"\xff\xfe")) and language >= 0x400:
            found.add(key, utf16(raw, "utf-16-be"))
        elif raw:
            found.add(key, _quicktime_text(raw.rstrip(b"\0"), language))
        at += 4 + size


def _quicktime_text(raw: bytes, language: int) -> Text:
    text = unmarked(raw)
    return mac_roman(raw) if text.legacy and language in _MACINTOSH_LANGUAGES else text


def _asset_text(file: Window, box: Box, found: TagSet) -> None:
    """A text of 3GPP: version and flags, language, and the text, in UTF-8 or marked UTF-16, up to a NUL."""
    raw = file.part(box.start + 6, min(max(0, box.end - box.start - 6), MAX_TEXT_BYTES))
    if raw.startswith(b"\xfe\xff"):
        found.add(box.name.decode("ascii"), utf16(raw.removesuffix(b"\0\0")))
    elif raw:
        found.add(box.name.decode("ascii"), unmarked(raw.partition(b"\0")[0]))
