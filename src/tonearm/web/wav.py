"""A sound as a WAV file of 16-bit stereo, and the parts of it that a request asks for (RFC 9110, section 14)."""

import re
import struct
from dataclasses import dataclass

from tonearm.errors import TonearmError

HEAD_BYTES = 44
FRAME_BYTES = 4
LARGEST_BYTES = 0xFFFF_FFFF
_RANGE = re.compile(r"bytes=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


class TooLong(TonearmError):
    """A sound that is longer than a WAV file can be."""


class NotSatisfiable(Exception):
    """A range that begins behind the end."""


@dataclass(frozen=True, slots=True)
class Wav:
    """A WAV file that is not stored anywhere: its head, and how many bytes it has."""

    rate_hz: int
    samples: int

    def __post_init__(self) -> None:
        """Raise TooLong for more than 4 GB: about six hours at 48 kHz."""
        if self.size > LARGEST_BYTES:
            raise TooLong("the sound is longer than a WAV file can be (4 GB)")

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return HEAD_BYTES + self.samples * FRAME_BYTES

    @property
    def head(self) -> bytes:
        """What comes before the samples."""
        data = self.samples * FRAME_BYTES
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF",
            HEAD_BYTES - 8 + data,
            b"WAVE",
            b"fmt ",
            16,
            1,
            2,
            self.rate_hz,
            self.rate_hz * FRAME_BYTES,
            FRAME_BYTES,
            16,
            b"data",
            data,
        )


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last that a Range header asks for; ``None`` where all are to be sent.

    Several ranges, and what is none, are answered by the whole. Raises NotSatisfiable.
    """
    found = None if header is None else _RANGE.fullmatch(header)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        first, end = max(0, size - int(found[2])), size
        if not int(found[2]):
            raise NotSatisfiable
    else:
        first, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < first:
            return None
    if first >= size:
        raise NotSatisfiable
    return first, end
