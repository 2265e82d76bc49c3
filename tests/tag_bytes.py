"""Writes tags byte by byte, also those that no program should write."""

import struct
from collections.abc import Sequence


def syncsafe(number: int) -> bytes:
    """Four bytes of seven bits each."""
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def frame(
    name: str, data: bytes, version: int = 4, flags: bytes = b"\0\0", size: bytes | None = None
) -> bytes:
    """A frame of ID3v2. ``size``: other bytes than those that it should have."""
    if version == 2:
        return name.encode() + (size or len(data).to_bytes(3, "big")) + data
    right = syncsafe(len(data)) if version == 4 else len(data).to_bytes(4, "big")
    return name.encode() + (size or right) + flags + data


def id3v2(*frames: bytes, version: int = 4, flags: int = 0, padding: int = 0) -> bytes:
    """A tag of ID3v2."""
    body = b"".join(frames) + bytes(padding)
    return b"ID3" + bytes([version, 0, flags]) + syncsafe(len(body)) + body


def text(words: str, encoding: int = 3) -> bytes:
    """The contents of a text frame."""
    codec = ("latin-1", "utf-16", "utf-16-be", "utf-8")[encoding]
    return bytes([encoding]) + words.encode(codec)


def id3v1(
    title: bytes = b"",
    artist: bytes = b"",
    album: bytes = b"",
    year: bytes = b"",
    track: int = 0,
    genre: int = 255,
) -> bytes:
    """The 128 bytes of a tag at the end of a file."""
    fields = title.ljust(30, b"\0") + artist.ljust(30, b"\0") + album.ljust(30, b"\0") + year.ljust(4, b"\0")
    return b"TAG" + fields + bytes(29) + bytes([track, genre])


def ape(items: Sequence[tuple[str, bytes]], version: int = 2000) -> bytes:
    """A tag of APEv2, with its header and footer."""
    body = b"".join(
        struct.pack("<II", len(value), 0) + key.encode("latin-1") + b"\0" + value for key, value in items
    )
    head = struct.pack("<8sIII", b"APETAGEX", version, len(body) + 32, len(items))
    return head + struct.pack("<I8x", 0xA0000000) + body + head + struct.pack("<I8x", 0x80000000)


def comments(entries: Sequence[bytes], count: int | None = None, vendor: bytes = b"test") -> bytes:
    """A block of Vorbis comments. ``count``: what it says of itself."""
    said = len(entries) if count is None else count
    body = b"".join(struct.pack("<I", len(entry)) + entry for entry in entries)
    return struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", said) + body


def flac_with(flac: bytes, *blocks: tuple[int, bytes]) -> bytes:
    """A FLAC file whose metadata are its stream information and these blocks: kind and contents."""
    at, stream_info = 4, b""
    while True:
        kind, size = flac[at] & 0x7F, int.from_bytes(flac[at + 1 : at + 4], "big")
        last = flac[at] & 0x80
        if kind == 0:
            stream_info = flac[at + 4 : at + 4 + size]
        at += 4 + size
        if last:
            break
    every = [(0, stream_info), *blocks]
    head = b"".join(
        bytes([kind | (0x80 if number == len(every) - 1 else 0)]) + len(data).to_bytes(3, "big") + data
        for number, (kind, data) in enumerate(every)
    )
    return b"fLaC" + head + flac[at:]


def box(name: bytes, *contents: bytes) -> bytes:
    """A box of MP4."""
    body = b"".join(contents)
    return struct.pack(">I", 8 + len(body)) + name + body


def mp4_with(m4a: bytes, *boxes: bytes) -> bytes:
    """An MP4 file with its index last, whose index has these boxes at its end instead of its user data."""
    at = m4a.rindex(b"moov") - 4
    index = m4a[at + 8 : at + int.from_bytes(m4a[at : at + 4], "big")]
    kept, place = b"", 0
    while place < len(index):
        size = int.from_bytes(index[place : place + 4], "big")
        if index[place + 4 : place + 8] != b"udta":
            kept += index[place : place + size]
        place += size
    return m4a[:at] + box(b"moov", kept, *boxes)


def listed(key: bytes, value: bytes, kind: int = 1) -> bytes:
    """An item of iTunes' list."""
    return box(key, box(b"data", struct.pack(">II", kind, 0), value))
