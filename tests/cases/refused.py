"""Files that are refused for a reason: audio that is encrypted, formats that are not read, and what is no music at all."""

import io
import struct
import zipfile
from functools import partial
from pathlib import Path
from uuid import UUID

from tests import material
from tests.cases.case import Case, Kind

ENCRYPTED = Kind("encrypted", "ISO/IEC 14496-12, 8.12; Advanced Systems Format, 3.14; shops sell such files")
FOREIGN = Kind("formats-that-are-not-read", "each begins as its own specification says")
MIDDLE = Kind(
    "middles-of-frames-that-resemble-a-mark",
    "marks of 11 and 16 bits: ISO/IEC 14496-3, 1.7.2; ETSI TS 102 366",
)
OTHER = Kind("files-that-hold-frames-by-chance", "archives, pictures and programs that are named as music")
LOCKED = {"state": "quarantined", "code": "protected"}
UNREAD = {"state": "quarantined", "code": "unsupported-format"}
NO_MUSIC = {"state": "quarantined", "code": "not-audio"}


def named(entry: bytes) -> bytes:
    """A file whose sample entry has another name."""
    data = material.index_last()
    at = data.index(b"mp4a", data.rindex(b"stsd"))
    return data[:at] + entry + data[at + 4 :]


def locked_wma(name: str) -> bytes:
    """A WMA file with an object about its encryption behind the others in its header."""
    data = material.good("wma")
    size, count = struct.unpack_from("<QI", data, 16)
    extra = UUID(name).bytes_le + struct.pack("<Q", 40) + bytes(16)
    head = data[:16] + struct.pack("<QI", size + len(extra), count + 1) + data[28:size]
    return head + extra + data[size:]


def begun(first: bytes) -> bytes:
    """A file with such first bytes."""
    return first + bytes(range(256)) * 20


def behind(mark: bytes, form: str) -> bytes:
    """A recording that begins in the middle of a frame, with bytes that look like the mark of another format."""
    return mark + material.good(form)[100:]


def zipped() -> bytes:
    """An archive whose file is not compressed, so that all its frames are there."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("song.mp3"), material.good("mp3"))
    return out.getvalue()


def latm() -> bytes:
    """AAC as television stations send it."""
    return material.encode_as(
        material.music(2.0), material.Format("latm", "latm", "aac", bit_rate_bps=96_000)
    )


def exchanged() -> bytes:
    """AC-3 whose bytes are exchanged in pairs."""
    data = material.good("ac3")
    return b"".join(data[at + 1 : at + 2] + data[at : at + 1] for at in range(0, len(data) - 1, 2))


MARKS = {"latm": b"\x56\xff\xff", "exchanged": b"\x77\x0b\x77"}
FIRST = {
    "shorten": (b"ajkg\2", "Shorten"),
    "dts": (b"\x7f\xfe\x80\x01", "DTS"),
    "real": (b".RMF\0\0\0\x12", "RealMedia"),
    "tracker": (bytes(1080) + b"M.K.", "MOD"),
    "extended": (b"Extended Module: a song", "XM"),
    "voice": (b"Creative Voice File\x1a\x1a\0", "Creative Voice"),
    "book": (bytes(4) + b"\x57\x90\x75\x36", "Audible"),
}

# fmt: off
CASES = (
    *(Case(ENCRYPTED, f"{entry.decode()}.m4a", partial(named, entry), LOCKED) for entry in (b"drms", b"enca", b"aavd")),
    Case(ENCRYPTED, "content.wma", lambda: locked_wma("2211B3FB-BD23-11D2-B4B7-00A0C955FC6E"), LOCKED),
    Case(ENCRYPTED, "extended.wma", lambda: locked_wma("298AE614-2622-4C17-B935-DAE07EE9289C"), LOCKED),
    *(Case(FOREIGN, f"{name}.mp3", partial(begun, first), {**UNREAD, "says": said}) for name, (first, said) in FIRST.items()),
    Case(FOREIGN, "latm.aac", latm, {**UNREAD, "says": "LATM"}),
    Case(FOREIGN, "exchanged.ac3", exchanged, {**UNREAD, "says": "exchanged"}),
    *(Case(MIDDLE, f"{name}-{form}.{form}", partial(behind, mark, form), {"duration_s": (4.0, 0.1)}) for name, mark in MARKS.items() for form in ("mp3", "ac3")),
    Case(OTHER, "archive.mp3", zipped, NO_MUSIC),
    Case(OTHER, "picture.mp3", lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0" + material.good("mp3"), NO_MUSIC),
    Case(OTHER, "document.mp3", lambda: b"%PDF-1.7\n" + material.good("mp3"), NO_MUSIC),
    Case(OTHER, "program.ogg", lambda: Path("/bin/true").read_bytes(), NO_MUSIC),
)
# fmt: on
