"""Files whose channels stand in another order than in WAVE: Core Audio and QuickTime name the speakers of each."""

import struct
from functools import cache

import numpy as np

from tests import material
from tests.cases.case import Case, Kind

ORDERS = Kind("speakers-in-another-order", "Apple, Core Audio Format, channel layout chunk; QuickTime, chan")

WHOLE = {"duration_s": (2.0, 0.01), "codec": "pcm"}
FILM_5_1, EMAGIC_7_1, DESCRIBED, UNKNOWN = 123 << 16 | 6, 128 << 16 | 8, 0, 0xFFFF0000
LEFT, RIGHT, CENTRE, LOW, LEFT_SURROUND, RIGHT_SURROUND = range(1, 7)


@cache
def samples(channels: int) -> material.Float32:
    """Music, in whose last channel is nothing but a loud tone."""
    music = material.music(2.0, channels=channels)
    time = np.arange(len(music)) / material.RATE_HZ
    music[:, -1] = 0.9 * np.sin(2 * np.pi * 440 * time)
    return music


def core_audio(channels: int, tag: int, speakers: tuple[int, ...] = ()) -> bytes:
    """A CAF file with a layout: by its number, or by the speaker of each channel."""
    described = b"".join(struct.pack(">II12x", speaker, 0) for speaker in speakers)
    layout = struct.pack(">III", tag, 0, len(speakers)) + described
    rate = struct.pack(">d4sIIIII", material.RATE_HZ, b"lpcm", 2, 2 * channels, 1, channels, 16)
    data = bytes(4) + material.int16(samples(channels)).tobytes()
    chunks = ((b"desc", rate), (b"chan", layout), (b"data", data))
    return b"caff\0\1\0\0" + b"".join(
        name + struct.pack(">q", len(contents)) + contents for name, contents in chunks
    )


@cache
def quicktime(channels: int, tag: int) -> bytes:
    """A QuickTime file whose channels have a layout by its number."""
    data = material.encode_as(samples(channels), material.Format("mov", "mov", "pcm_s16le"))
    at = data.index(b"chan") + 8
    return data[:at] + struct.pack(">I", tag) + data[at + 4 :]


def too_many() -> bytes:
    """A file that names the speaker of each of a hundred channels."""
    data = core_audio(2, DESCRIBED, 50 * (RIGHT, LEFT))
    at = data.index(b"desc") + 12 + 24
    return data[:at] + struct.pack(">I", 100) + data[at + 4 :]


# fmt: off
CASES = (
    Case(ORDERS, "film-5.1.caf", lambda: core_audio(6, FILM_5_1), {**WHOLE, "channels": 6, "loudness_lufs": -13.93}),
    Case(ORDERS, "emagic-7.1.caf", lambda: core_audio(8, EMAGIC_7_1), {**WHOLE, "channels": 8}),
    Case(ORDERS, "described-film-5.1.caf", lambda: core_audio(6, DESCRIBED, (LEFT, CENTRE, RIGHT, LEFT_SURROUND, RIGHT_SURROUND, LOW)), {**WHOLE, "channels": 6, "loudness_lufs": -13.93}),
    Case(ORDERS, "described-exchanged.caf", lambda: core_audio(2, DESCRIBED, (RIGHT, LEFT)), {**WHOLE, "channels": 2}),
    Case(ORDERS, "unknown.caf", lambda: core_audio(6, UNKNOWN | 6), {**WHOLE, "channels": 6}),
    Case(ORDERS, "film-5.1.m4a", lambda: quicktime(6, FILM_5_1), {**WHOLE, "channels": 6, "loudness_lufs": -13.93}),
    Case(ORDERS, "too-many.caf", too_many, {"state": "quarantined", "code": "too-many-channels", "says": "100"}),
)
# fmt: on
