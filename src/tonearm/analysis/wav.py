"""Finds the format and the data of a WAV file, and presents them to FFmpeg under a header that says what is there.

Programs write sizes that they do not know, leave out the byte behind chunks of an odd size, and use forms that FFmpeg
does not know (BW64) or reads wrongly (samples with fewer valid bits than their container). Sources: Microsoft, Multiple
Channel Audio Data and WAVE Files; EBU Tech 3306 (RF64); ITU-R BS.2088 (BW64).
"""

import struct
from dataclasses import dataclass
from typing import Literal

from tonearm.analysis.chunks import chunks, riff_order
from tonearm.analysis.file_window import MendedFile, Window

PCM_TAG, EXTENSIBLE_TAG = 1, 0xFFFE
PCM_SUBFORMAT = bytes.fromhex("0100000000001000800000aa00389b71")
NEAR_BYTES = 1 << 20
"""A size so near to 2³¹ or 2³² that does not fit is what a program wrote while it did not know the size."""
TO_THE_END = 0xFFFFFFFF
CODED_BYTES = 1 << 17
"""So many bytes of the samples FFmpeg probes for a coded format."""
CODED_MARKS = tuple(
    bytes.fromhex(mark)
    for mark in (
        "7ffe8001",
        "fe7f0180",
        "1fffe800",
        "ff1f00e8",
        "64582025",
        "58642520",
        "72f81f4e",
        "f8724e1f",
    )
)
"""What begins frames of DTS (ETSI TS 102 114), and what is sent over S/PDIF (IEC 61937), in both orders of bytes."""
MAX_FORMAT_BYTES = 1 << 12


@dataclass(frozen=True, slots=True)
class WavLayout:
    """Where the parts of a WAV file are.

    order: of the bytes of numbers. format: the contents of the fmt chunk. samples: as the fact chunk counts them,
    ``None`` without one. data_at, data_bytes: the data that are there. declared_bytes: their size as declared, ``None``
    where it is not known.
    """

    order: Literal["little", "big"]
    format: bytes
    samples: int | None
    data_at: int
    data_bytes: int
    declared_bytes: int | None

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._number(2, 2)

    @property
    def sample_rate_hz(self) -> int:
        """Samples a second."""
        return self._number(4, 4)

    @property
    def block_bytes(self) -> int:
        """Bytes of one sample of all channels, or of one block of a compressed format."""
        return self._number(12, 2)

    @property
    def is_pcm(self) -> bool:
        """Whether the data are samples as whole numbers."""
        tag = self._number(0, 2)
        return tag == PCM_TAG or (tag == EXTENSIBLE_TAG and self.format[24:40] == PCM_SUBFORMAT)

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self.format[at : at + size], self.order)


def wav_layout(window: Window) -> WavLayout | None:
    """Find the parts of a WAV file; ``None`` without a format or without data. Raises ``OSError``."""
    head = window.part(0, 12)
    order = riff_order(window)
    form, samples, size64 = b"", None, None
    for name, at, size in chunks(window, order):
        if name == b"ds64":
            size64 = int.from_bytes(window.part(at + 8, 8), "little")
        elif name == b"fmt ":
            form = window.part(at, min(size, MAX_FORMAT_BYTES))
        elif name == b"fact":
            samples = int.from_bytes(window.part(at, 4), order) or None
        elif name == b"data" and len(form) >= 16:
            if size == TO_THE_END and size64:
                size = size64
            there = window.size - at
            if size not in (0, TO_THE_END):
                size += max(0, there - size) >> 32 << 32  # of more than 4 GiB its 32 bits tell the rest alone
            whole = int.from_bytes(head[4:8], order)
            is_placeholder = not _is_empty(window, at, size, whole, order) and _is_placeholder(
                size, there, whole, window.size
            )
            declared = None if is_placeholder else size
            return WavLayout(
                order, form, samples, at, there if declared is None else min(there, declared), declared
            )
    return None


def _is_empty(window: Window, at: int, size: int, whole: int, order: Literal["little", "big"]) -> bool:
    """Whether there are no data: the file is as large as it says, and a chunk follows that fits."""
    if size or whole + 8 != window.size:
        return False
    head = window.part(at, 8)
    return head[:4].isalnum() and at + 8 + int.from_bytes(head[4:], order) <= window.size


def _is_placeholder(size: int, there: int, whole: int, file_bytes: int) -> bool:
    """Whether a size of the data is none. ``whole``: the size of the file as its first chunk declares it."""
    if size in (0, TO_THE_END):
        return True
    if size <= there:
        return False
    return any(abs(size - limit) <= NEAR_BYTES for limit in (1 << 31, 1 << 32)) or whole + 8 == file_bytes


def may_be_coded(window: Window, layout: WavLayout) -> bool:
    """Whether there may be another format where the header promises samples. Raises ``OSError``."""
    data = window.part(layout.data_at, CODED_BYTES)
    return not layout.is_pcm or any(mark in data for mark in CODED_MARKS)


def presented(window: Window, layout: WavLayout) -> MendedFile:
    """The file as FFmpeg is to read it: a header of our own, and the data."""
    order = "<" if layout.order == "little" else ">"
    form = _mended_format(layout)
    size = layout.data_bytes if layout.data_bytes < 1 << 31 else TO_THE_END
    fact = (
        b"" if layout.samples is None else b"fact" + struct.pack(f"{order}II", 4, layout.samples & 0xFFFFFFFF)
    )
    head = (b"RIFF" if order == "<" else b"RIFX") + struct.pack(f"{order}I", TO_THE_END) + b"WAVE"
    head += b"fmt " + struct.pack(f"{order}I", len(form)) + form + b"\0" * (len(form) % 2) + fact
    head += b"data" + struct.pack(f"{order}I", size)
    return MendedFile(head, window, layout.data_at, layout.data_at + layout.data_bytes)


def _mended_format(layout: WavLayout) -> bytes:
    """The format, in which samples are as wide as their container: what they lack of it are zeros (left-aligned)."""
    form, channels, block = layout.format, layout.channels, layout.block_bytes
    if not layout.is_pcm or not channels or block % channels or not 1 <= block // channels <= 8:
        return form
    width = struct.pack("<H" if layout.order == "little" else ">H", 8 * (block // channels))
    form = form[:14] + width + form[16:]
    return form[:18] + width + form[20:] if len(form) >= 20 else form
