"""Writes WAV files part by part, also as they should not be."""

import struct

import numpy as np
from numpy.typing import NDArray

from tests.material import Float32

PCM, MP3, EXTENSIBLE = 1, 0x55, 0xFFFE
PCM_SUBFORMAT = bytes.fromhex("0100000000001000800000aa00389b71")


def chunk(name: bytes, data: bytes, order: str = "<", pad: bool = True, size: int | None = None) -> bytes:
    """A chunk. ``pad``: with the byte that belongs behind an odd size; ``size``: another one than is right."""
    said = len(data) if size is None else size
    return name + struct.pack(f"{order}I", said) + data + (b"\0" if pad and len(data) % 2 else b"")


def riff(*chunks: bytes, name: bytes = b"RIFF", size: int | None = None, order: str = "<") -> bytes:
    """A file of chunks."""
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack(f"{order}I", len(body) if size is None else size) + body


def form(
    rate_hz: int,
    channels: int,
    bits: int,
    block: int | None = None,
    tag: int = PCM,
    order: str = "<",
    more: bytes = b"",
) -> bytes:
    """The chunk of the format. ``block``: bytes of one sample of all channels."""
    aligned = channels * -(-bits // 8) if block is None else block
    layout = struct.pack(f"{order}HHIIHH", tag, channels, rate_hz, rate_hz * aligned, aligned, bits)
    return chunk(b"fmt ", layout + more, order)


def extensible(rate_hz: int, channels: int, container: int, valid: int, extra: bytes = b"") -> bytes:
    """The chunk of the format WAVE_FORMAT_EXTENSIBLE: so many valid bits in containers of so many."""
    more = struct.pack("<HHI", 22 + len(extra), valid, 0) + PCM_SUBFORMAT + extra
    return form(rate_hz, channels, container, tag=EXTENSIBLE, more=more)


def left_aligned(samples: Float32, container: int, valid: int, order: str = "<") -> bytes:
    """Samples of so many valid bits, the highest of their containers; the others are zeros."""
    wide = np.round(samples.astype(np.float64) * (2 ** (valid - 1) - 1)).astype(np.int64)
    return packed(wide << (container - valid), container // 8, order)


def packed(values: NDArray[np.int64], width: int, order: str = "<") -> bytes:
    """Whole numbers of so many bytes."""
    raw = np.ascontiguousarray(values, "<i8").view(np.uint8).reshape(-1, 8)[:, :width]
    return raw.tobytes() if order == "<" else raw[:, ::-1].tobytes()
