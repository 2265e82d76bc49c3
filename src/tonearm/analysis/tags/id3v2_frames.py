"""What the frames of ID3v2 hold: texts, links, lists of people, pictures, chapters (id3.org, ID3v2.4.0 frames)."""

import re

from tonearm.analysis.tags.tag_set import TagSet
from tonearm.analysis.tags.text import Text, unmarked, utf16

NAMES = {
    "BUF": "RBUF",
    "CNT": "PCNT",
    "COM": "COMM",
    "IPL": "IPLS",
    "MCI": "MCDI",
    "PIC": "APIC",
    "POP": "POPM",
    "SLT": "SYLT",
    "TAL": "TALB",
    "TBP": "TBPM",
    "TCM": "TCOM",
    "TCO": "TCON",
    "TCP": "TCMP",
    "TCR": "TCOP",
    "TDA": "TDAT",
    "TDY": "TDLY",
    "TEN": "TENC",
    "TFT": "TFLT",
    "TIM": "TIME",
    "TKE": "TKEY",
    "TLA": "TLAN",
    "TLE": "TLEN",
    "TMT": "TMED",
    "TOA": "TOPE",
    "TOF": "TOFN",
    "TOL": "TOLY",
    "TOR": "TORY",
    "TOT": "TOAL",
    "TP1": "TPE1",
    "TP2": "TPE2",
    "TP3": "TPE3",
    "TP4": "TPE4",
    "TPA": "TPOS",
    "TPB": "TPUB",
    "TRC": "TSRC",
    "TRD": "TRDA",
    "TRK": "TRCK",
    "TS2": "TSO2",
    "TSA": "TSOA",
    "TSC": "TSOC",
    "TSI": "TSIZ",
    "TSP": "TSOP",
    "TSS": "TSSE",
    "TST": "TSOT",
    "TT1": "TIT1",
    "TT2": "TIT2",
    "TT3": "TIT3",
    "TXT": "TEXT",
    "TXX": "TXXX",
    "TYE": "TYER",
    "UFI": "UFID",
    "ULT": "USLT",
    "WAF": "WOAF",
    "WAR": "WOAR",
    "WAS": "WOAS",
    "WCM": "WCOM",
    "WCP": "WCOP",
    "WPB": "WPUB",
    "WXX": "WXXX",
}
"""The frames of version 2.2 by their names in the later versions."""

IMAGE_FORMATS = {"PNG": "image/png", "JPG": "image/jpeg"}
_LATIN, _UTF16, _UTF16_BE, _UTF8 = range(4)
_CHAPTER_FRAME = re.compile(rb"T[A-Z0-9]{3}")


def read_frame(frame_id: str, data: bytes, size: int, found: TagSet) -> None:
    """Add what a frame holds. ``size``: of the whole frame, of which ``data`` may be the beginning."""
    name = NAMES.get(frame_id, frame_id)
    if name == "APIC":
        _picture(frame_id, data, size, found)
    elif name in ("TXXX", "WXXX"):
        _described(name, data, found, url=name == "WXXX")
    elif name in ("COMM", "USLT"):
        _comment(name, data, found)
    elif name in ("IPLS", "TIPL", "TMCL"):
        _people(name, data, found)
    elif name == "CHAP":
        _chapter(data, found)
    elif name == "UFID":
        _identifier(data, found)
    elif name[0] == "T" or name in ("MVNM", "MVIN", "GRP1"):
        for text in _texts(data):
            found.add(name, text)
    elif name[0] == "W":
        found.add(name, unmarked(data.partition(b"\0")[0]))
    else:
        found.binary(name, size)


def _texts(data: bytes) -> list[Text]:
    """The texts of a frame that begins with their encoding, without empty ones at the end."""
    if not data:
        return []
    encoding, pieces = data[0], _split(data[1:], data[0])
    while pieces and not pieces[-1]:
        pieces.pop()
    first = pieces[0] if pieces else b""
    order = "utf-16-be" if encoding == _UTF16_BE or _is_big_endian(first) else "utf-16-le"
    if encoding in (_UTF16, _UTF16_BE):
        return [utf16(piece, order) for piece in pieces]
    return [unmarked(piece) for piece in pieces] if encoding <= _UTF8 else [unmarked(data)]


def _is_big_endian(text: bytes) -> bool:
    """Whether the first byte of each unit is the higher one: by its mark, or where none is, as its zeros tell."""
    if text.startswith((b"\xfe\xff", b"\xff\xfe")):
        return text[0] == 0xFE
    return text[::2].count(0) > text[1::2].count(0)


def _split(data: bytes, encoding: int) -> list[bytes]:
    """Texts at the NULs between them, which are two bytes wide in UTF-16."""
    if encoding not in (_UTF16, _UTF16_BE):
        return data.split(b"\0")
    pieces, start = [], 0
    while (end := _wide_end(data, start)) < len(data):
        pieces.append(data[start:end])
        start = end + 2
    return [*pieces, data[start:]]


def _wide_end(data: bytes, start: int) -> int:
    """Where the next NUL of two bytes is; the end of the data if there is none."""
    end = data.find(b"\0\0", start)
    while end >= 0 and (end - start) % 2:
        end = data.find(b"\0\0", end + 1)
    return len(data) if end < 0 else end


def _nul_bytes(encoding: int) -> int:
    return 2 if encoding in (_UTF16, _UTF16_BE) else 1


def _until_nul(data: bytes, encoding: int) -> bytes:
    """What comes before the first NUL, or all."""
    if encoding in (_UTF16, _UTF16_BE):
        return data[: _wide_end(data, 0)]
    return data.partition(b"\0")[0]


def _text_of(raw: bytes, encoding: int) -> Text:
    texts = _texts(bytes([encoding]) + raw)
    return texts[0] if texts else Text("")


def _described(name: str, data: bytes, found: TagSet, url: bool) -> None:
    """A text or a link with a description, which becomes a part of the key."""
    if not data:
        return
    encoding = data[0]
    description = _until_nul(data[1:], encoding)
    key = f"{name}:{_text_of(description, encoding).value}"
    rest = data[1 + len(description) + _nul_bytes(encoding) :]
    if url:
        found.add(key, unmarked(_until_nul(rest, _LATIN)))
        return
    for text in _texts(data[:1] + rest):
        found.add(key, text)


def _comment(name: str, data: bytes, found: TagSet) -> None:
    """A comment or lyrics: encoding, language, description, text."""
    if len(data) < 4:
        return
    encoding, language = data[0], data[1:4].decode("latin-1")
    description = _until_nul(data[4:], encoding)
    body = data[4 + len(description) + _nul_bytes(encoding) :]
    if len(data) == 4 + len(description):  # there is no description, against the rule
        description, body = b"", description
    found.add(f"{name}:{_text_of(description, encoding).value}:{language}", _text_of(body, encoding))


def _people(name: str, data: bytes, found: TagSet) -> None:
    """Pairs of a role and a person."""
    texts = [text.value for text in _texts(data)]
    for role, person in zip(texts[::2], texts[1::2], strict=False):
        found.write(name, f"{role}: {person}")


def _picture(frame_id: str, data: bytes, size: int, found: TagSet) -> None:
    """A picture: encoding, format, kind, description, data. Version 2.2 names the format by three letters."""
    encoding = data[0] if data else 0
    if frame_id == "PIC":
        code = data[1:4].decode("latin-1")
        mime, at = IMAGE_FORMATS.get(code.upper(), code), 5
    else:
        raw, _, _ = data[1:300].partition(b"\0")
        mime, at = raw.decode("latin-1"), 1 + len(raw) + 2
    at += len(_until_nul(data[at:], encoding)) + _nul_bytes(encoding)
    found.picture("APIC", mime, max(0, size - at))


def _chapter(data: bytes, found: TagSet) -> None:
    """A chapter: name, four numbers, and frames of its own, of which the title is read (id3.org, ID3v2 chapters)."""
    name, _, rest = data.partition(b"\0")
    start_ms, end_ms = (int.from_bytes(rest[at : at + 4], "big") for at in (0, 4))
    match = _CHAPTER_FRAME.search(rest[16:])
    title = ""
    if match is not None:
        at = 16 + match.start()
        size = int.from_bytes(rest[at + 4 : at + 8], "big")
        texts = _texts(rest[at + 10 : at + 10 + size])
        title = texts[0].value if texts else ""
    found.write("CHAP", f"{name.decode('latin-1')} {start_ms / 1000:g}-{end_ms / 1000:g} s {title}".rstrip())


def _identifier(data: bytes, found: TagSet) -> None:
    """An identifier in some catalogue, such as that of MusicBrainz, which is text."""
    owner, _, value = data.partition(b"\0")
    key = f"UFID:{owner.decode('latin-1')}"
    if value.isascii() and value.decode("ascii").isprintable():
        found.write(key, value.decode("ascii"))
    else:
        found.binary(key, len(value))
