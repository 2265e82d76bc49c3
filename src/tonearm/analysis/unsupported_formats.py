"""Recognises files that are not read here by their first bytes, so that it can be said what they are."""

from tonearm.analysis.bare_frames import ac3_begins
from tonearm.errors import Fault, FileFault

LATM_HEAD_BYTES = 3
FOREIGN_BYTES = LATM_HEAD_BYTES + 8191 + LATM_HEAD_BYTES
"""Holds the longest frame of LATM and the beginning of the one behind it."""

UNREAD = (
    (0, b"tBaK", "TAK"),
    (0, b"OFR ", "OptimFROG"),
    (0, b"riff", "Wave64"),
    (0, b"MThd", "MIDI"),
    (0, b"ADIF", "AAC with a single header (ADIF)"),
    (0, b"TTA2", "True Audio 2"),
    (0, b"ajkg", "Shorten"),
    (0, b"LA0", "Lossless Audio (LA)"),
    (0, b"#!AMR", "AMR"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b".RMF", "RealMedia"),
    (0, b"TWIN", "TwinVQ"),
    (0, b"qoaf", "QOA"),
    (0, b"Creative Voice File\x1a", "Creative Voice"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (0, b"\xfe\x7f\x01\x80", "DTS"),
    (0, b"\x1f\xff\xe8\x00", "DTS"),
    (0, b"\xff\x1f\x00\xe8", "DTS"),
    (0, b"Extended Module: ", "XM (a module of notes and samples)"),
    (0, b"IMPM", "IT (a module of notes and samples)"),
    (44, b"SCRM", "S3M (a module of notes and samples)"),
    (1080, b"M.K.", "MOD (a module of notes and samples)"),
    (0, b"PSID", "SID (music of the Commodore 64)"),
    (0, b"RSID", "SID (music of the Commodore 64)"),
    (4, b"\x57\x90\x75\x36", "Audible"),
    (8, b"AVI LIST", "AVI"),
    (0, b"FLV\x01", "Flash video"),
)
"""Offset, bytes and name of audio formats that are not read."""

OTHER = (
    *(b"PK\x03\x04", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0"),
    *(b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"%PDF-", b"\x7fELF", b"MZ\x90\0", b"SQLite format 3\0"),
)
"""First bytes of archives, pictures, documents and programs, which may hold what looks like frames of MPEG audio."""

_LATM = 0x2B7


def check_foreign(head: bytes) -> None:
    """Raise ``FileFault`` for what begins as a file that is not read: ``UNSUPPORTED_FORMAT`` or ``NOT_AUDIO``."""
    for at, first, name in UNREAD:
        if head.startswith(first, at):
            raise FileFault(Fault.UNSUPPORTED_FORMAT, name)
    if _is_latm(head):
        raise FileFault(Fault.UNSUPPORTED_FORMAT, "AAC in LATM")
    if ac3_begins(_exchanged(head)):
        raise FileFault(Fault.UNSUPPORTED_FORMAT, "AC-3 with its bytes exchanged")
    if head.startswith(OTHER):
        raise FileFault(Fault.NOT_AUDIO)


def _is_latm(head: bytes) -> bool:
    """Whether a frame of LATM is followed by another, or by the end of the file.

    A frame begins with a mark of 11 bits and its size in 13 (ISO/IEC 14496-3, 1.7.2).
    """
    word = int.from_bytes(head[:LATM_HEAD_BYTES], "big")
    behind = LATM_HEAD_BYTES + (word & 0x1FFF)
    again = int.from_bytes(head[behind : behind + LATM_HEAD_BYTES], "big")
    return word >> 13 == _LATM and (again >> 13 == _LATM or behind == len(head))


def _exchanged(data: bytes) -> bytes:
    """The data with the two bytes of each pair exchanged."""
    out = bytearray(len(data) // 2 * 2)
    out[::2], out[1::2] = data[1::2], data[: len(out) : 2]
    return bytes(out)
