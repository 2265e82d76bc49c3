"""At which time of an MP3 file other programs begin to count.

Tonearm's decoder leaves out the samples that the encoder and the decoder put before the music, where the file says how
many they are; its beats count from there. Rekordbox and Traktor play every sample of every frame with music, and count
from the first of them. Traktor also plays the frame that holds only a header, unless it recognises the header: that
needs a LAME header with a valid checksum.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tonearm.analysis.mpeg import first_frame, parse_header

DECODER_DELAY = 529
"""Samples that a decoder of MPEG layer 3 adds at the beginning (Mp3 Info Tag, "encoder delays")."""
SEARCHED = 1 << 16
MOST_TAGS = 4
_LAME_BYTES = 36


class HeaderCase(StrEnum):
    """What the first frame of an MP3 file holds."""

    NONE = "none"  # music
    XING = "xing"  # a Xing or Info header without one of LAME; those of FFmpeg are such, too
    LAME_INVALID = "lame-invalid"  # a header of LAME whose checksum is wrong or zero
    LAME = "lame"  # a valid one


class Program(StrEnum):
    """Programs whose times are known. DECODED: Tonearm's own."""

    DECODED = "decoded"
    REKORDBOX = "rekordbox"
    TRAKTOR = "traktor"


class Readable(Protocol):
    """A file that is read at offsets."""

    def seek(self, offset: int, /) -> int:
        """Go to an offset."""

    def read(self, size: int, /) -> bytes | None:
        """Read bytes."""


@dataclass(frozen=True, slots=True)
class Mp3Origin:
    """Where an MP3 file begins for different programs. skipped: samples that Tonearm's decoder leaves out."""

    case: HeaderCase
    skipped: int
    frame_samples: int
    sample_rate_hz: int

    def shift_s(self, program: Program) -> float:
        """Seconds by which the times of a program are later than those of Tonearm."""
        if program is Program.DECODED:
            return 0.0
        plays_header = program is Program.TRAKTOR and self.case in (HeaderCase.XING, HeaderCase.LAME_INVALID)
        samples = self.skipped + (self.frame_samples if plays_header else 0)
        return samples / self.sample_rate_hz


def read_origin(file: Readable) -> Mp3Origin | None:
    """Read where an MP3 file begins; ``None`` where no frame is found. Raises OSError."""
    data = _after_tags(file)
    at = first_frame(data, ends=len(data) < SEARCHED)
    header = None if at is None else parse_header(data[at : at + 4])
    if at is None or header is None:
        return None
    frame = data[at : at + header.frame_bytes]
    side = {(1, 2): 32, (1, 1): 17, (2, 2): 17, (2, 1): 9}[header.version, header.channels]
    xing = frame[4 + side :]
    if header.layer != 3 or xing[:4] not in (b"Xing", b"Info") or len(xing) < 8:
        return Mp3Origin(HeaderCase.NONE, 0, header.frame_samples, header.sample_rate_hz)
    flags = xing[7]
    length = 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    lame = xing[length : length + _LAME_BYTES]
    return Mp3Origin(
        _case(frame, 4 + side + length, lame), _skipped(lame), header.frame_samples, header.sample_rate_hz
    )


def _after_tags(file: Readable) -> bytes:
    """The first bytes behind the ID3v2 tags."""
    at = 0
    for _ in range(MOST_TAGS):
        file.seek(at)
        head = file.read(10) or b""
        if head[:3] != b"ID3" or len(head) < 10:
            break
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        at += 10 + size + (10 if head[5] & 0x10 else 0)
    file.seek(at)
    return file.read(SEARCHED) or b""


def _case(frame: bytes, at: int, lame: bytes) -> HeaderCase:
    if lame[:4] != b"LAME" or len(lame) < _LAME_BYTES:
        return HeaderCase.XING
    checksum = int.from_bytes(lame[34:36], "big")
    return HeaderCase.LAME if checksum == _crc16(frame[: at + 34]) else HeaderCase.LAME_INVALID


def _skipped(lame: bytes) -> int:
    """The samples that FFmpeg leaves out. It believes the headers of LAME and its own, whatever their checksum."""
    if lame[:4] not in (b"LAME", b"Lavf", b"Lavc") or len(lame) < 24:
        return 0
    return (lame[21] << 4 | lame[22] >> 4) + DECODER_DELAY


def _crc16(data: bytes) -> int:
    """CRC-16 with the polynomial 0x8005, reflected, from 0: the checksum of LAME headers."""
    found = 0
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = found >> 1 ^ (0xA001 if found & 1 else 0)
    return found
