"""MP3 files with a click at one second, one for each kind of header."""

import io
from collections.abc import Mapping
from functools import cache

import av
import numpy as np

from tonearm.analysis.mpeg import info_frame, parse_header

CLICK_S = 1.0
SIDE = 4 + 32
"""Bytes before the Xing header in a frame of MPEG-1 with two channels."""
LAME = SIDE + 120
"""Where the part of LAME begins in one with all fields."""


@cache
def mp3_files(rate_hz: int = 44_100) -> Mapping[str, bytes]:
    """The same frames of music, below different headers."""
    whole = _encoded(rate_hz)
    at = info_frame(whole)
    assert at is not None
    header = parse_header(whole[at : at + 4])
    assert header is not None
    frame, music, tag = whole[at : at + header.frame_bytes], whole[at + header.frame_bytes :], whole[:at]
    lame = frame[:LAME] + b"LAME3.100" + frame[LAME + 9 : LAME + 34]
    rest = frame[LAME + 36 :]
    return {
        "none": tag + music,
        "xing": tag + frame[:LAME] + bytes(len(frame) - LAME) + music,
        "lavf": whole,
        "lame-zero": tag + lame + bytes(2) + rest + music,
        "lame-wrong": tag + lame + b"\x12\x34" + rest + music,
        "lame": tag + lame + _checksum(lame) + rest + music,
    }


def _encoded(rate_hz: int) -> bytes:
    samples = np.zeros((2, 3 * rate_hz), np.float32)
    samples[:, int(CLICK_S * rate_hz) :][:, :20] = 0.9
    written = io.BytesIO()
    with av.open(written, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate_hz, layout="stereo")
        stream.bit_rate = 192_000
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate = rate_hz
        frame.pts = 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return written.getvalue()


def _checksum(data: bytes) -> bytes:
    """CRC-16/ARC by its table of remainders."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0xA001 * (value & 1)
        table.append(value)
    found = 0
    for byte in data:
        found = found >> 8 ^ table[(found ^ byte) & 0xFF]
    return found.to_bytes(2, "big")
