"""Turns the bytes of tags into text: UTF-8 where they are valid UTF-8, otherwise an encoding of former times.

Many programs wrote the text of their system's own encoding into tags whose standard prescribes ISO 8859-1 or UTF-8.
Which one it was is told by a setting, or else from all such text of a file together, as a single title is too short.
"""

import codecs
import encodings.big5
import encodings.cp1250
import encodings.cp1251
import encodings.cp1252
import encodings.cp1253
import encodings.euc_jp
import encodings.euc_kr
import encodings.gb18030
import encodings.koi8_r
import encodings.latin_1
import encodings.mac_roman
import encodings.shift_jis
import encodings.utf_16
import encodings.utf_16_be
import encodings.utf_16_le  # noqa: F401  codecs load when first used, and a sealed process can load nothing
import re
from dataclasses import dataclass

WESTERN = "cp1252"
_HIGH = re.compile(rb"[\x80-\xff]+")
_KANA = re.compile(r"[\u3040-\u30ff]")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Text:
    """A value of a tag. ``raw``: its bytes, where the text may not say all of them. ``legacy``: they are in an encoding
    of former times, and ``value`` is what they mean if it is Western.
    """

    value: str
    raw: bytes | None = None
    legacy: bool = False

    def decoded(self, encoding: str) -> str:
        """The value, with ``encoding`` as the one of former times."""
        return self.raw.decode(encoding, "replace") if self.legacy and self.raw is not None else self.value


def unmarked(raw: bytes) -> Text:
    """Text of 8 bits whose encoding is not sure, in tags whose standard says ISO 8859-1 or UTF-8."""
    raw = raw.removeprefix(codecs.BOM_UTF8)
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and len(raw) % 2 == 0:
        return utf16(raw)
    try:
        return Text(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return Text(raw.decode(WESTERN, "replace"), raw, legacy=True)


def mac_roman(raw: bytes) -> Text:
    """Text in the Western encoding of Macintosh computers."""
    return Text(raw.decode("mac_roman"), raw)


def utf16(raw: bytes, default: str = "utf-16-le") -> Text:
    """Text of 16-bit units: by its byte order mark, else as ``default`` says. Half a unit at the end is dropped."""
    whole, raw = raw, raw[: len(raw) & ~1]
    if raw.startswith(codecs.BOM_UTF16_LE):
        raw, default = raw[2:], "utf-16-le"
    elif raw.startswith(codecs.BOM_UTF16_BE):
        raw, default = raw[2:], "utf-16-be"
    try:
        return Text(raw.decode(default))
    except UnicodeDecodeError:
        return Text(raw.decode(default, "replace"), whole)


def legacy_encoding(samples: list[bytes]) -> str:
    """The likeliest encoding of texts of former times: Western, Cyrillic, Greek, Japanese, Chinese or Korean.

    In Western text letters beyond ASCII stand alone between others; elsewhere they follow one another.
    """
    data = b"\n".join(samples)
    runs = _HIGH.findall(data)
    high = b"".join(runs)
    if not high:
        return WESTERN
    if _reads(data, "shift_jis") and len(_KANA.findall(data.decode("shift_jis"))) >= 2:
        return "shift_jis"
    letters = sum(65 <= byte < 91 or 97 <= byte < 123 for byte in data)
    if max(map(len, runs)) < 3 and letters >= len(high):
        return WESTERN
    for encoding in ("euc_jp", "euc_kr", "gb18030", "big5", "shift_jis"):
        if _is_east_asian(data, high, encoding):
            return encoding
    return _single_byte(high)


def _reads(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_east_asian(data: bytes, high: bytes, encoding: str) -> bool:
    """Whether a text reads as that encoding, with signs that are frequent in it."""
    if not _reads(data, encoding):
        return False
    leads = high[::2]
    if encoding == "euc_jp":
        return len(_KANA.findall(data.decode(encoding))) * 4 >= len(leads)
    if encoding == "euc_kr":  # syllables, the frequent ones, begin with these bytes
        return _share(leads, 0xB0, 0xC8) > 0.95
    if encoding == "gb18030":  # the first level of GB 2312, ordered by sound
        return _share(leads, 0xB0, 0xD7) > 0.8 and _share(high[1::2], 0xA1, 0xFE) > 0.99
    return len(_CHINESE.findall(data.decode(encoding))) * 3 >= len(high)


def _share(some: bytes, low: int, top: int) -> float:
    return sum(low <= byte <= top for byte in some) / max(1, len(some))


def _single_byte(high: bytes) -> str:
    """Cyrillic or Greek, by where the small letters lie; else Western."""
    if _share(high, 0xC0, 0xDF) > 0.6 and _share(high, 0xC0, 0xFF) > 0.9:
        return "koi8_r"
    if _share(high, 0xE0, 0xFF) > 0.5 and _share(high, 0xC0, 0xFF) > 0.85:
        return "cp1253" if _is_greek(high) else "cp1251"
    return WESTERN


def _is_greek(high: bytes) -> bool:
    """Whether the accented vowels of Greek are among the letters, where Cyrillic has rare signs."""
    return _share(high, 0xDC, 0xDF) + _share(high, 0xFC, 0xFE) > 0.08
