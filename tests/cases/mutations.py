"""Damages files: bits, cuts, splices, fields of headers, and the order and sizes of their pages, chunks and frames."""

import re
from random import Random

MARKS = {
    "ogg": rb"OggS\0",
    "riff": rb"fmt |data|LIST|fact|COMM|SSND|id3 |ID3 ",
    "mp4": rb"ftyp|moov|mvhd|trak|tkhd|edts|elst|mdia|mdhd|minf|stbl|stsd|stts|stsc|stsz|stco|udta|meta|mdat|free",
    "mpeg": rb"\xff[\xf2-\xff][^\xff]",
    "flac": rb"fLaC|\xff[\xf8\xf9]",
    "asf": rb"\x30\x26\xb2\x75|\xa1\xdc\xab\x8c|\x91\x07\xdc\xb7|\x36\x26\xb2\x75|\x82\0\0",
    "ac3": rb"\x0b\x77",
    "matroska": rb"\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x15\x49\xa9\x66|\x16\x54\xae\x6b|\x1f\x43\xb6\x75|\xa3[\x80-\xff\x40-\x7f]",
    "wavpack": rb"wvpk",
    "caf": rb"caff|desc|chan|info|pakt|data",
    "dsd": rb"DSD |fmt |data|FRM8|FVER|PROP|FS  |CHNL|CMPR",
    "other": rb"TTA1|\.snd|MPCK|SH|RG|AP|MAC ",
}
STRUCTURE = {
    "mp3": "mpeg", "mp3-bare": "mpeg", "mp2": "mpeg", "raw-aac": "mpeg", "flac": "flac", "wav": "riff", "aiff": "riff", "aac": "mp4", "alac": "mp4",
    "mp4": "mp4", "vorbis": "ogg", "opus": "ogg", "ogg-flac": "ogg", "speex": "ogg", "wma": "asf", "wavpack": "wavpack", "ac3": "ac3", "eac3": "ac3",
    "caf": "caf", "matroska": "matroska", "webm": "matroska", "dsf": "dsd", "dff": "dsd",
}  # fmt: skip
HEADER_BYTES = 300


def mutant(data: bytes, name: str, random: Random) -> tuple[str, bytes]:
    """A damaged file and what was done to it. ``name``: of its format."""
    kind = random.choice(("bits", "cut", "splice", "header", "structure"))
    if kind == "bits":
        return kind, _bits(data, random)
    if kind == "cut":
        return kind, data[: random.randrange(1, len(data))]
    if kind == "splice":
        return kind, _spliced(data, random)
    if kind == "header":
        return kind, _field(data, random.randrange(min(HEADER_BYTES, len(data))), random)
    return kind, _restructured(data, name, random)


def _bits(data: bytes, random: Random) -> bytes:
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 3, 10, 100))):
        place = random.randrange(len(out) * 8)
        out[place // 8] ^= 1 << place % 8
    return bytes(out)


def _spliced(data: bytes, random: Random) -> bytes:
    """A stretch left out, put in twice, moved, or replaced by zeros or noise."""
    start, end = sorted(random.randrange(len(data)) for _ in range(2))
    part = data[start:end]
    how = random.randrange(5)
    if how == 0:
        return data[:start] + data[end:]
    if how == 1:
        return data[:end] + part + data[end:]
    if how == 2:
        rest = data[:start] + data[end:]
        at = random.randrange(len(rest) + 1)
        return rest[:at] + part + rest[at:]
    return data[:start] + (bytes(len(part)) if how == 3 else random.randbytes(len(part))) + data[end:]


def _field(data: bytes, at: int, random: Random) -> bytes:
    """A number of a header replaced by an extreme or another one."""
    size = random.choice((1, 2, 4, 8))
    most = (1 << 8 * size) - 1
    value = random.choice((0, 1, most, most >> 1, (most >> 1) + 1, random.randint(0, most)))
    return data[:at] + value.to_bytes(size, random.choice(("big", "little"))) + data[at + size :]


def _restructured(data: bytes, name: str, random: Random) -> bytes:
    """A part left out, put in twice, moved or cut short, or the field beside its mark changed."""
    marks = [found.start() for found in re.finditer(MARKS[STRUCTURE.get(name, "other")], data)]
    if len(marks) < 2:
        return _field(data, random.randrange(len(data)), random)
    number = random.randrange(len(marks))
    start = marks[number]
    end = marks[number + 1] if number + 1 < len(marks) else len(data)
    how = random.randrange(6)
    if how == 0:
        return data[:start] + data[end:]
    if how == 1:
        return data[:end] + data[start:end] + data[end:]
    if how == 2:
        at = random.choice(marks)
        rest = data[:start] + data[end:]
        return rest[:at] + data[start:end] + rest[at:]
    if how == 3:
        return data[: start + (end - start) // 2] + data[end:]
    return _field(data, max(0, start + random.randrange(-8, 28)) % len(data), random)
