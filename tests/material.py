"""Files for tests: music in every format, encoded here, and damaged, mislabelled or malicious files.

Everything is deterministic: the same arguments give the same bytes.
"""

import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

RATE_HZ = 44_100


@dataclass(frozen=True)
class Format:
    """How a format is written: FFmpeg's muxer and encoder, options, and the ending of its names.

    only_rate_hz: the one sample rate it knows; samples at another rate are resampled.
    """

    extension: str
    muxer: str
    encoder: str
    only_rate_hz: int | None = None
    bit_rate_bps: int | None = None
    muxer_options: tuple[tuple[str, str], ...] = ()
    encoder_options: tuple[tuple[str, str], ...] = ()
    sample_format: str | None = None


FORMATS: dict[str, Format] = {
    "mp3": Format("mp3", "mp3", "libmp3lame", bit_rate_bps=192_000),
    "flac": Format("flac", "flac", "flac"),
    "wav": Format("wav", "wav", "pcm_s16le"),
    "aiff": Format("aiff", "aiff", "pcm_s16be"),
    "aac": Format("m4a", "ipod", "aac", bit_rate_bps=128_000, muxer_options=(("moov_size", "60000"),)),
    "alac": Format("m4a", "ipod", "alac", muxer_options=(("moov_size", "60000"),)),
    "vorbis": Format("ogg", "ogg", "vorbis", encoder_options=(("strict", "-2"),)),
    "opus": Format("opus", "ogg", "libopus", only_rate_hz=48_000, bit_rate_bps=96_000),
    "ogg-flac": Format("oga", "ogg", "flac"),
    "wma": Format("wma", "asf", "wmav2", bit_rate_bps=128_000),
}
"""Every format that is analysed. Those in MP4 have their index in front; see ``index_last``."""

MORE_FORMATS: dict[str, Format] = {
    "wavpack": Format("wv", "wv", "wavpack", sample_format="s16p"),
    "tta": Format("tta", "tta", "tta", sample_format="s16"),
    "raw-aac": Format("aac", "adts", "aac", bit_rate_bps=128_000),
    "ac3": Format("ac3", "ac3", "ac3", bit_rate_bps=192_000),
    "eac3": Format("eac3", "eac3", "eac3", bit_rate_bps=192_000),
    "mp2": Format("mp2", "mp2", "mp2", bit_rate_bps=192_000),
    "au": Format("au", "au", "pcm_s16be"),
    "caf": Format("caf", "caf", "pcm_s16le"),
    "matroska": Format("mka", "matroska", "flac", sample_format="s16"),
    "webm": Format("webm", "webm", "libopus", only_rate_hz=48_000, bit_rate_bps=96_000),
    "mp4": Format("mp4", "mp4", "aac", bit_rate_bps=128_000, muxer_options=(("moov_size", "60000"),)),
}
"""Formats that fewer people have, as far as FFmpeg writes them."""

LOSSLESS = ("flac", "wav", "aiff", "alac", "ogg-flac")


def music(
    seconds: float = 4.0, bpm: float = 120.0, rate_hz: int = RATE_HZ, channels: int = 2, seed: int = 1
) -> Float32:
    """Return (n, channels) float32: four chords in turn, a bass, and a drum on every beat; peak 0.5.

    ``seed`` transposes it and varies the noise, so that other seeds give other audio.
    """
    noise = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    beat = 60 / bpm
    out = np.zeros(len(time))
    roots = 55 * 2 ** ((np.array([0, 5, 7, 0]) + seed % 12) / 12)
    bar = (time / (4 * beat)).astype(int) % 4
    for ratio, level in ((1, 0.5), (2, 0.3), (2.5198, 0.25), (2.9966, 0.25)):
        out += level * np.sin(2 * np.pi * roots[bar] * ratio * time)
    since = time % beat
    out += np.exp(-since / 0.05) * np.sin(2 * np.pi * 60 * since) + noise.normal(0, 0.3, len(time)) * np.exp(
        -since / 0.01
    )
    panned = out[:, None] * (1 - 0.1 * np.arange(channels)[None] / channels)
    return np.asarray(0.5 * panned / max(1e-9, np.abs(panned).max()), np.float32)


def encode(samples: Float32, name: str = "mp3", rate_hz: int = RATE_HZ) -> bytes:
    """Return a whole file in one of ``FORMATS``; ``rate_hz`` is that of the samples."""
    return encode_as(samples, (FORMATS | MORE_FORMATS)[name], rate_hz)


def encode_as(samples: Float32, form: Format, rate_hz: int = RATE_HZ) -> bytes:
    """Return a whole file in any format that FFmpeg can write."""
    file = io.BytesIO()
    layout = {1: "mono", 2: "stereo", 3: "2.1", 6: "5.1", 8: "7.1"}[samples.shape[1]]
    with av.open(file, "w", format=form.muxer, container_options=dict(form.muxer_options)) as container:
        rate = form.only_rate_hz or rate_hz
        stream = container.add_stream(form.encoder, rate=rate, options=dict(form.encoder_options))
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = layout
        if form.sample_format:
            stream.codec_context.format = av.AudioFormat(form.sample_format)
        if form.bit_rate_bps:
            stream.codec_context.bit_rate = form.bit_rate_bps
        for start in range(0, len(samples), 1 << 14):
            block = np.ascontiguousarray(samples[start : start + (1 << 14)])
            frame = AudioFrame.from_ndarray(block.reshape(1, -1), "flt", layout)
            frame.sample_rate = rate_hz
            frame.pts, frame.time_base = start, Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@cache
def good(name: str, seconds: float = 4.0, seed: int = 1) -> bytes:
    """Return ``music`` in one of ``FORMATS``, made once."""
    return encode(music(seconds, seed=seed), name)


def dsd_bits(samples: Float32, times: int = 64) -> NDArray[np.uint8]:
    """Return (n, channels) of 0 and 1: samples at so many times their rate (first-order sigma-delta)."""
    steps = np.repeat(samples.astype(np.float64), times, axis=0)
    sums = np.floor(np.cumsum((steps + 1) / 2, axis=0))
    return np.diff(sums, axis=0, prepend=0).astype(np.uint8)


def dsf(
    samples: Float32, rate_hz: int = RATE_HZ, tag: bytes = b"", bits: NDArray[np.uint8] | None = None
) -> bytes:
    """Return a DSF file of samples (Sony, DSF File Format Specification 1.01), with an ID3v2 tag at its end."""
    bits = dsd_bits(samples) if bits is None else bits
    channels, block = bits.shape[1], 4096
    packed = [np.packbits(bits[:, channel], bitorder="little") for channel in range(channels)]
    blocks = -(-len(packed[0]) // block)
    data = b"".join(
        one[number * block : (number + 1) * block].tobytes().ljust(block, b"\0")
        for number in range(blocks)
        for one in packed
    )
    form = struct.pack(
        "<4sQIIIIIIQII", b"fmt ", 52, 1, 0, channels, channels, 64 * rate_hz, 1, len(bits), block, 0
    )
    body = form + struct.pack("<4sQ", b"data", 12 + len(data)) + data
    end = 28 + len(body)
    return struct.pack("<4sQQQ", b"DSD ", 28, end + len(tag), end if tag else 0) + body + tag


def dff(
    samples: Float32, rate_hz: int = RATE_HZ, tag: bytes = b"", bits: NDArray[np.uint8] | None = None
) -> bytes:
    """Return a DSDIFF file of samples (Philips, DSDIFF 1.5), with an ID3v2 tag in a chunk of its own."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">4sQ", name, len(data)) + data + b"\0" * (len(data) % 2)

    bits = dsd_bits(samples) if bits is None else bits
    channels = (b"SLFT", b"SRGT")[: bits.shape[1]]
    properties = b"SND " + chunk(b"FS  ", struct.pack(">I", 64 * rate_hz))
    properties += chunk(b"CHNL", struct.pack(">H", len(channels)) + b"".join(channels))
    properties += chunk(b"CMPR", b"DSD \x0enot compressed\0")
    body = b"DSD " + chunk(b"FVER", bytes((1, 5, 0, 0))) + chunk(b"PROP", properties)
    body += chunk(b"DSD ", np.packbits(bits, axis=0).tobytes()) + (chunk(b"ID3 ", tag) if tag else b"")
    return struct.pack(">4sQ", b"FRM8", len(body)) + body


@cache
def index_last(seconds: float = 4.0) -> bytes:
    """Return an AAC file whose index (moov) stands behind the audio, as most programs write it."""
    return encode_as(music(seconds), Format("m4a", "ipod", "aac", bit_rate_bps=128_000), RATE_HZ)


def wav(
    samples: NDArray[np.generic],
    rate_hz: int = RATE_HZ,
    channels: int | None = None,
    data_bytes: int | None = None,
) -> bytes:
    """Return a WAV of (n, channels) int16 or float32 samples; ``channels`` and ``data_bytes`` may lie."""
    data = samples.tobytes()
    size = samples.dtype.itemsize
    real = samples.shape[1]
    coding = 3 if samples.dtype.kind == "f" else 1
    said = real if channels is None else channels
    block, rate = real * size, rate_hz & 0xFFFFFFFF
    layout = struct.pack("<HHIIHH", coding, said, rate, rate * block & 0xFFFFFFFF, block, size * 8)
    length = len(data) if data_bytes is None else data_bytes
    whole = min(0xFFFFFFFF, length + 36) if data_bytes is None or length else 0
    head = b"RIFF" + struct.pack("<I", whole) + b"WAVEfmt " + struct.pack("<I", 16) + layout
    return head + b"data" + struct.pack("<I", length) + data


def int16(samples: Float32) -> NDArray[np.int16]:
    """Return float samples as 16-bit ones."""
    return np.round(samples * 32767).astype(np.int16)


def truncated(data: bytes, part: float = 0.5) -> bytes:
    """Return the first part of a file."""
    return data[: int(len(data) * part)]


def bits_flipped(data: bytes, flips: int, seed: int, start: int = 0) -> bytes:
    """Return a file with single bits flipped anywhere behind ``start``."""
    places = np.random.default_rng(seed).integers(start * 8, len(data) * 8, flips)
    out = bytearray(data)
    for place in places.tolist():
        out[place // 8] ^= 1 << place % 8
    return bytes(out)


def flac_of_silence(hours: float, rate_hz: int = RATE_HZ) -> bytes:
    """Return stereo silence as a FLAC of some 50 KB an hour: every frame is one constant (RFC 9639, 9.2.3)."""
    block = 65_535
    frames = round(hours * 3600 * rate_hz / block)
    info = struct.pack(">HH", block, block) + bytes(6)
    info += (rate_hz << 44 | 1 << 41 | 15 << 36 | frames * block).to_bytes(8, "big") + bytes(16)
    out = [b"fLaC\x80", len(info).to_bytes(3, "big"), info]
    for number in range(frames):
        head = b"\xff\xf8\x70\x18" + _coded(number) + struct.pack(">H", block - 1)
        head += bytes([_crc(head, 8, 0x07)])
        frame = head + bytes(6)  # twice: constant subframe, value 0 in 16 bits
        out += [frame, struct.pack(">H", _crc(frame, 16, 0x8005))]
    return b"".join(out)


def opus_with_gain(gain: int) -> bytes:
    """Return an Opus file whose header asks for an output gain in 1/256 dB (RFC 7845, 5.1)."""
    return _with_opus_head(16, struct.pack("<h", gain))


def opus_with_pre_skip(samples: int) -> bytes:
    """Return an Opus file whose header asks for so many samples at 48 kHz to be dropped at the start."""
    return _with_opus_head(10, struct.pack("<H", samples))


def _with_opus_head(offset: int, value: bytes) -> bytes:
    """An Opus file with other bytes in its OpusHead packet."""
    data = good("opus")
    end = data.index(b"OggS", 4)
    at = data.index(b"OpusHead") + offset
    page = data[:22] + bytes(4) + data[26:at] + value + data[at + len(value) : end]
    return _with_checksum(page) + data[end:]


def _with_checksum(page: bytes) -> bytes:
    """An Ogg page with the checksum that it should have (RFC 3533, 6)."""
    page = page[:22] + bytes(4) + page[26:]
    return page[:22] + struct.pack("<I", _crc(page, 32, 0x04C11DB7)) + page[26:]


def ogg_without_end_mark(name: str, seed: int = 1) -> bytes:
    """Return an Ogg file whose last page is not marked as the last, as many recorders leave it."""
    data = good(name, seed=seed)
    at = data.rindex(b"OggS\0")
    return data[:at] + _with_checksum(data[at : at + 5] + bytes([data[at + 5] & ~4]) + data[at + 6 :])


def edited(name: str, skip: int, seconds: float = 4.0) -> bytes:
    """Return an MP4 whose edit list leaves out so many samples more at the start."""
    data = good(name, seconds)
    at = data.index(b"elst") + 16  # past version, flags, number of edits and the duration of the first
    start = int.from_bytes(data[at : at + 4], "big")
    return data[:at] + struct.pack(">I", start + skip) + data[at + 4 :]


def mp3_declaring(frames: int, seconds: float = 4.0) -> bytes:
    """Return an MP3 whose Info header counts so many frames, whatever there is."""
    data = good("mp3", seconds)
    at = data.index(b"Info") + 8
    return data[:at] + struct.pack(">I", frames) + data[at + 4 :]


def _coded(number: int) -> bytes:
    """A frame number, coded as UTF-8 codes characters."""
    return chr(number).encode("utf-8", "surrogatepass")


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    top, value = 1 << bits - 1, 0
    for byte in data:
        value ^= byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & (1 << bits) - 1
    return value


def flac_claiming(samples: int, data: bytes | None = None) -> bytes:
    """Return a FLAC whose header claims so many samples (36 bits)."""
    out = bytearray(data or good("flac"))
    out[21] = out[21] & 0xF0 | samples >> 32 & 15
    out[22:26] = struct.pack(">I", samples & 0xFFFFFFFF)
    return bytes(out)


def id3(frames: bytes, claimed: int | None = None) -> bytes:
    """Return an ID3v2.3 tag around frames, with another declared size on request."""
    size = len(frames) if claimed is None else claimed
    coded = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + coded + frames


def id3_frame(name: bytes, body: bytes, flags: int = 0, claimed: int | None = None) -> bytes:
    """Return an ID3v2.3 frame, with another declared size on request."""
    return name + struct.pack(">IH", len(body) if claimed is None else claimed, flags) + body


PICTURE_HEAD = b"\x00image/png\x00\x03\x00"
ID3_COMPRESSED = 0x0080


@cache
def id3_bomb(megabytes: int = 400) -> bytes:
    """Return a tag of about 1 KB a megabyte whose picture unpacks to so many megabytes of zeros."""
    packer = zlib.compressobj(9)
    body = packer.compress(PICTURE_HEAD)
    zeros = bytes(1 << 20)
    body += b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()
    size = struct.pack(">I", len(PICTURE_HEAD) + (megabytes << 20))
    return id3(id3_frame(b"TIT2", b"\x00Bomb") + id3_frame(b"APIC", size + body, ID3_COMPRESSED))


def write_huge_picture(path: str | bytes, megabytes: int = 250) -> None:
    """Write an MP3 with a picture of so many megabytes; on most file systems it takes hardly any room."""
    body = megabytes << 20
    frame = id3_frame(b"APIC", PICTURE_HEAD, claimed=body)
    with open(path, "wb") as file:
        file.write(id3(frame, claimed=body + 10))
        file.seek(10 + body + 10)
        file.write(good("mp3"))


def poison() -> dict[str, tuple[Callable[[], bytes], str]]:
    """Return bad files by name: how to make each, and how its job must end.

    "partial": some audio is missing, and it is said so. "quarantined": no audio, with a reason. "done":
    strange but whole. "any": one of these three, never a crash.
    """
    short = music(1.0)
    whole = int16(short)
    odd = short.copy()
    odd[1000:1010] = np.nan
    odd[2000:2010, 0] = np.inf
    odd[3000] = -1e30
    files: dict[str, tuple[Callable[[], bytes], str]] = {
        "empty.mp3": (lambda: b"", "quarantined"),
        "zeros.flac": (lambda: bytes(100_000), "quarantined"),
        "noise.mp3": (lambda: np.random.default_rng(5).bytes(200_000), "quarantined"),
        "text.mp3": (lambda: b"This is a shopping list: milk, bread, records.\n" * 400, "quarantined"),
        "playlist.m4a": (lambda: b"#EXTM3U\n#EXTINF:1,x\nfile:///etc/passwd\n", "quarantined"),
        "concat.mp3": (lambda: b"ffconcat version 1.0\nfile /etc/passwd\n", "quarantined"),
        "picture.flac": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(5000), "quarantined"),
        "wrong-ending.flac": (lambda: good("mp3", 4.0, 2), "done"),
        "channels-0.wav": (lambda: wav(whole, channels=0), "quarantined"),
        "channels-65535.wav": (lambda: wav(whole, channels=65_535), "quarantined"),
        "rate-0.wav": (lambda: wav(whole, rate_hz=0), "quarantined"),
        "rate-4-GHz.wav": (lambda: wav(whole, rate_hz=4_000_000_000), "quarantined"),
        "rate-384-kHz.wav": (lambda: wav(int16(music(1.0, rate_hz=384_000)), rate_hz=384_000), "done"),
        "channels-8.wav": (lambda: wav(int16(music(1.0, channels=8))), "done"),
        "nan-and-inf.wav": (lambda: wav(odd), "done"),
        "one-sample.wav": (lambda: wav(whole[:1]), "done"),
        "no-sample.wav": (lambda: wav(whole[:0]), "quarantined"),
        "silence.wav": (lambda: wav(np.zeros((5 * RATE_HZ, 2), np.int16)), "done"),
        "streamed-0.wav": (lambda: wav(int16(music(1.0, seed=3)), data_bytes=0), "done"),
        "streamed-max.wav": (lambda: wav(int16(music(1.0, seed=4)), data_bytes=0xFFFFFFFF), "done"),
        "hours-claimed.flac": (lambda: flac_claiming(10 * 3600 * RATE_HZ), "partial"),
        "two-hours-of-silence.flac": (lambda: flac_of_silence(2), "done"),
        "bomb.mp3": (lambda: id3_bomb() + good("mp3", 4.0, 3), "done"),
        "picture-size-lie.mp3": (
            lambda: (
                id3(id3_frame(b"APIC", PICTURE_HEAD + bytes(1000), claimed=250 << 20), claimed=(1 << 28) - 1)
                + good("mp3", 4.0, 4)
            ),
            "done",
        ),
        "frame-size-lie.mp3": (
            lambda: id3(id3_frame(b"TIT2", b"\x00Lie", claimed=0x7FFFFFFF)) + good("mp3", 4.0, 5),
            "done",
        ),
        "cut-before-the-index.m4a": (lambda: truncated(index_last()), "quarantined"),
    }
    for name, form in FORMATS.items():
        files[f"cut-{name}.{form.extension}"] = (_cut(name), "partial")
        files[f"cut-in-header-{name}.{form.extension}"] = (_beheaded(name), "any")
        for seed in range(3):
            files[f"flipped-{name}-{seed}.{form.extension}"] = (_flipped(name, seed), "any")
    return files


def _cut(name: str) -> Callable[[], bytes]:
    return lambda: truncated(good(name), 0.6)


def _beheaded(name: str) -> Callable[[], bytes]:
    return lambda: good(name)[:50]


def _flipped(name: str, seed: int) -> Callable[[], bytes]:
    return lambda: bits_flipped(good(name), 10 ** (seed + 1), seed)


STRANGE_NAMES: tuple[bytes, ...] = (
    b"line\nbreak.flac",
    b"invalid \xff\xfe utf-8.flac",
    "right \u202eto left.flac".encode(),
    "Caf\u00e9.flac".encode(),
    "Cafe\u0301.flac".encode(),
    b"-rf.flac",
    b" blanks .flac",
    "\U0001f3b5".encode() + b"'\"$(x)`.flac",
    b"n" * 250 + b".flac",
)
"""Names that must be kept byte for byte; the two Cafés look alike (NFC and NFD)."""


def write_poison(folder: str | bytes) -> dict[bytes, str]:
    """Write every bad and strange file into a folder; return by name how its job must end.

    Beside the endings of ``poison`` there is "skipped", for what is no regular file inside the folder. The
    link "outside" points to a file that is made beside the folder.
    """
    base = os.fsencode(folder)
    os.makedirs(base, exist_ok=True)
    endings: dict[bytes, str] = {}
    for name, (make, ending) in poison().items():
        _write(os.path.join(base, name.encode()), make())
        endings[name.encode()] = ending
    for number, strange in enumerate(STRANGE_NAMES):
        _write(os.path.join(base, strange), good("flac", 2.0, 20 + number))
        endings[strange] = "done"
    write_huge_picture(os.path.join(base, b"huge-picture.mp3"))
    endings[b"huge-picture.mp3"] = "done"
    outside = base.rstrip(b"/") + b" outside.flac"
    _write(outside, good("flac", 2.0, 40))
    os.mkfifo(os.path.join(base, b"pipe.mp3"))
    os.symlink(b"loop.mp3", os.path.join(base, b"loop.mp3"))
    os.symlink(outside, os.path.join(base, b"outside.flac"))
    os.symlink(b"/dev/zero", os.path.join(base, b"device.wav"))
    os.symlink(b"nowhere", os.path.join(base, b"dangling.flac"))
    for link in (b"pipe.mp3", b"loop.mp3", b"outside.flac", b"device.wav", b"dangling.flac"):
        endings[link] = "skipped"
    return endings


def _write(path: bytes, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
