"""WAV files of recorders, editors and broadcasters."""

import struct
from functools import cache

from tests import material
from tests.cases.case import Case, Kind
from tests.cases.riff import MP3, chunk, extensible, form, left_aligned, packed, riff
from tests.material import Float32, Format

RATE_HZ = 11_025
SECONDS = 3.0

BITS = Kind("wav-valid-bits", "xiph/flac#301, ruuda/hound#50, jstrait/wavefile#37")
SIZE = Kind("wav-placeholder-size", "Borewit/music-metadata#707, google/oboe#2108")
CUT = Kind("wav-cut", "JamesHeinrich/getID3#193")
PAD = Kind("wav-odd-chunks", "mono/taglib-sharp#101, taglib/taglib#882, DSheirer/sdrtrunk#556")
LARGE = Kind("wav-64-bit-and-big-endian", "MediaArea/MediaInfoLib#1999, ITU-R BS.2088, EBU Tech 3306")
INSIDE = Kind("wav-with-mp3", "RFC 2361")
CODED = Kind("wav-compressed", "RFC 2361")


@cache
def music() -> Float32:
    """Three seconds in mono."""
    return material.music(SECONDS, rate_hz=RATE_HZ, channels=1)


def valid(container: int, bits: int, said: int | None = None, extra: bytes = b"") -> bytes:
    """Samples of some bits in larger containers."""
    fmt = extensible(RATE_HZ, 1, container, bits if said is None else said, extra)
    return riff(fmt, chunk(b"data", left_aligned(music(), container, bits)))


def plain(bits: int, width: int) -> bytes:
    """The same without the extension of the format."""
    fmt = form(RATE_HZ, 1, bits, block=width)
    return riff(fmt, chunk(b"data", left_aligned(music(), 8 * width, bits)))


def samples(bits: int = 16, order: str = "<", seconds: float = SECONDS) -> bytes:
    """The data of ordinary samples."""
    data = packed((music().astype("f8") * (2 ** (bits - 1) - 1)).round().astype("i8"), bits // 8, order)
    return data[: round(seconds * RATE_HZ) * bits // 8]


def sized(data: int, whole: int | None = None, seconds: float = SECONDS) -> bytes:
    """A file that says so of the size of its data, and of itself."""
    pcm = samples(seconds=seconds)
    size = min(0xFFFFFFFF, data + 36) if whole is None else whole
    return riff(form(RATE_HZ, 1, 16), chunk(b"data", pcm, size=data), size=size)


def eight_bits(count: int) -> bytes:
    """So many samples of eight bits."""
    return bytes(((music()[:count, 0] * 127) + 128).astype("u1"))


def info(*entries: tuple[bytes, bytes], pad: bool = True, outer: bool = True) -> bytes:
    """A list of texts."""
    return chunk(b"LIST", b"INFO" + b"".join(chunk(name, text, pad=pad) for name, text in entries), pad=outer)


def parts(*before: bytes, data: bytes | None = None, behind: bytes = b"", pad: bool = True) -> bytes:
    """A file with chunks around its data."""
    fmt = form(RATE_HZ, 1, 16 if data is None else 8)
    return riff(fmt, *before, chunk(b"data", samples() if data is None else data, pad=pad), behind)


def ds64(name: bytes, *between: bytes, data: bytes = b"", first: bytes = b"") -> bytes:
    """A file whose sizes are in a chunk of their own."""
    pcm = data or samples()
    sizes = struct.pack("<QQQI", 0, len(pcm), len(pcm) // 2, 0)
    return riff(
        *([first] if first else []),
        chunk(b"ds64", sizes),
        form(RATE_HZ, 1, 16),
        *between,
        chunk(b"data", pcm, size=0xFFFFFFFF),
        name=name,
        size=0xFFFFFFFF,
    )


def rifx(bits: int, *before: bytes) -> bytes:
    """A big-endian file."""
    data = chunk(b"data", samples(bits, ">"), ">")
    return riff(form(RATE_HZ, 1, bits, order=">"), *before, data, name=b"RIFX", order=">")


def mp3(part: float = 1.0, fact: int | None = 132_300, seconds: float = 3.0) -> bytes:
    """MP3 in WAV; the end of the file may be missing."""
    file = material.encode_as(
        material.music(seconds, channels=1),
        Format(
            "mp3",
            "mp3",
            "libmp3lame",
            bit_rate_bps=64_000,
            muxer_options=(("write_xing", "0"), ("id3v2_version", "0")),
        ),
    )
    more = struct.pack("<HHIHHH", 12, 1, 2, 209, 1, 1393)
    fmt = chunk(b"fmt ", struct.pack("<HHIIHH", MP3, 1, 44_100, 8000, 1, 0) + more)
    counted = b"" if fact is None else chunk(b"fact", struct.pack("<I", fact))
    return material.truncated(riff(fmt, counted, chunk(b"data", file)), part)


def coded(encoder: str) -> bytes:
    """A file of a compressed format."""
    return material.encode_as(
        material.music(3.0, rate_hz=22_050, channels=1), Format("wav", "wav", encoder), 22_050
    )


LEVEL = {"duration_s": SECONDS, "sample_peak_dbfs": (-6.02, 0.1)}
WHOLE = {"duration_s": SECONDS, "container": "wav"}
TITLED = {**WHOLE, "title": "Tit"}
HALF = {"state": "partial", "duration_s": (3.0, 0.1)}


def surround() -> bytes:
    """A WAV file of what a player sends to a receiver as AC-3."""
    sound = material.music(3.0, rate_hz=48_000)
    form = material.Format("spdif", "spdif", "ac3", bit_rate_bps=192_000)
    return riff(form_of_cd(48_000), chunk(b"data", material.encode_as(sound, form, 48_000)))


def form_of_cd(rate_hz: int = 44_100) -> bytes:
    """The format of stereo with 16 bits."""
    return form(rate_hz, 2, 16)


# fmt: off
CASES = (
    Case(BITS, "12-in-16.wav", lambda: valid(16, 12), LEVEL),
    Case(BITS, "8-in-16.wav", lambda: valid(16, 8), LEVEL),
    Case(BITS, "20-in-24.wav", lambda: valid(24, 20), LEVEL),
    Case(BITS, "16-in-32.wav", lambda: valid(32, 16), LEVEL),
    Case(BITS, "18-in-32.wav", lambda: valid(32, 18), LEVEL),
    Case(BITS, "none-said.wav", lambda: valid(16, 16, said=0), LEVEL),
    Case(BITS, "more-than-the-container.wav", lambda: valid(16, 16, said=24), LEVEL),
    Case(BITS, "long-extension.wav", lambda: valid(24, 16, extra=bytes(10)), LEVEL),
    Case(BITS, "20-in-3-bytes.wav", lambda: plain(20, 3), LEVEL),
    Case(BITS, "24-in-4-bytes.wav", lambda: plain(24, 4), LEVEL),
    Case(BITS, "12-in-2-bytes.wav", lambda: plain(12, 2), LEVEL),
    Case(SIZE, "zero.wav", lambda: sized(0), WHOLE),
    Case(SIZE, "both-zero.wav", lambda: sized(0, 0), WHOLE),
    Case(SIZE, "most.wav", lambda: sized(0xFFFFFFFF), WHOLE),
    Case(SIZE, "most-less-the-header.wav", lambda: sized(0xFFFFFFFF - 36, 0xFFFFFFFF), WHOLE),
    Case(SIZE, "signed-most.wav", lambda: sized(0x7FFFFFFF, 0x7FFFFFFF), WHOLE),
    Case(SIZE, "2-to-the-31st.wav", lambda: sized(0x80000000), WHOLE),
    Case(SIZE, "near-2-to-the-31st.wav", lambda: sized(0x7FFFF000), WHOLE),
    Case(SIZE, "data-alone.wav", lambda: sized(0x7FFFFFF0, 36 + 66_150), WHOLE),
    Case(CUT, "half.wav", lambda: sized(66_150, seconds=1.5), {**HALF, "says": "1.5 s of audio instead of the 3.0 s"}),
    Case(CUT, "whole.wav", lambda: sized(66_150), WHOLE),
    Case(CUT, "last-second.wav", lambda: sized(66_150, seconds=2.0), {**HALF, "says": "2.0 s"}),
    Case(CUT, "header-alone-whole.wav", lambda: sized(66_150 * 10), {"state": "partial", "duration_s": 30.0, "says": "3.0 s"}),
    Case(PAD, "data.wav", lambda: parts(data=eight_bits(33_075), behind=info((b"INAM", b"Tit\0")), pad=False), TITLED),
    Case(PAD, "data-padded.wav", lambda: parts(data=eight_bits(33_075), behind=info((b"INAM", b"Tit\0"))), TITLED),
    Case(PAD, "list.wav", lambda: parts(info((b"INAM", b"Tit"), pad=False, outer=False)), TITLED),
    Case(PAD, "two-entries.wav", lambda: parts(info((b"INAM", b"Tit"), (b"IART", b"Artis"), pad=False, outer=False)), {**TITLED, "artist": "Artis"}),
    Case(PAD, "bext-padded-with-1.wav", lambda: parts(chunk(b"bext", bytes(603), pad=False) + b"\1", info((b"INAM", b"Tit\0"))), TITLED),
    Case(PAD, "axml.wav", lambda: parts(chunk(b"axml", b"<a>" + b"x" * 490, pad=False), info((b"INAM", b"Tit\0"))), TITLED),
    Case(PAD, "nothing-inside.wav", lambda: parts(chunk(b"JUNK", b""), info((b"INAM", b"Tit\0"))), TITLED),
    Case(LARGE, "bw64.wav", lambda: ds64(b"BW64"), WHOLE),
    Case(LARGE, "rf64.wav", lambda: ds64(b"RF64"), WHOLE),
    Case(LARGE, "bw64-with-objects.wav", lambda: ds64(b"BW64", chunk(b"chna", bytes(44)), chunk(b"axml", b"<x/>" * 9)), WHOLE),
    Case(LARGE, "bw64-junk-first.wav", lambda: ds64(b"BW64", first=chunk(b"JUNK", bytes(28))), WHOLE),
    Case(LARGE, "rf64-cut.wav", lambda: material.truncated(ds64(b"RF64"), 0.5), HALF),
    Case(LARGE, "rifx-16.wav", lambda: rifx(16), WHOLE),
    Case(LARGE, "rifx-24.wav", lambda: rifx(24), WHOLE),
    Case(LARGE, "rifx-list.wav", lambda: rifx(16, chunk(b"LIST", b"INFO" + chunk(b"INAM", b"Tit\0", ">"), ">")), TITLED),
    Case(INSIDE, "whole.wav", mp3, {"duration_s": (3.0, 0.1), "codec": "mp3"}),
    Case(INSIDE, "half.wav", lambda: mp3(0.5), HALF),
    Case(INSIDE, "most.wav", lambda: mp3(0.9), HALF),
    Case(INSIDE, "uncounted.wav", lambda: mp3(fact=None), {"duration_s": (3.0, 0.1)}),
    Case(INSIDE, "uncounted-half.wav", lambda: mp3(0.5, fact=None), {"state": "partial"}),
    Case(INSIDE, "counted-zero.wav", lambda: mp3(fact=0), {"duration_s": (3.0, 0.1)}),
    Case(CODED, "ima.wav", lambda: coded("adpcm_ima_wav"), {"duration_s": (3.0, 0.1), "codec": "adpcm-ima"}),
    Case(CODED, "ms.wav", lambda: coded("adpcm_ms"), {"duration_s": (3.0, 0.1), "codec": "adpcm-ms"}),
    Case(CODED, "a-law.wav", lambda: coded("pcm_alaw"), {"duration_s": 3.0, "codec": "pcm-alaw"}),
    Case(CODED, "ima-cut.wav", lambda: material.truncated(coded("adpcm_ima_wav"), 0.5), HALF),
    Case(CODED, "ac-3.wav", surround, {"duration_s": (3.0, 0.1), "codec": "ac3"}),
    Case(CODED, "yamaha.wav", lambda: coded("adpcm_yamaha"), {"state": "quarantined", "code": "unsupported-format", "says": "adpcm_yamaha"}),
    Case(SIZE, "empty.wav", lambda: riff(form(RATE_HZ, 1, 16), chunk(b"data", b""), info((b"INAM", bytes(9000)))), {"state": "quarantined", "code": "no-samples"}),
)
# fmt: on
