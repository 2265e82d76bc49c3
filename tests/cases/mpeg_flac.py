"""MP3 and FLAC files: headers that lie, damage behind headers, frames without a beginning, bit rates."""

import io
import struct
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import av

from tests import material
from tests.cases.case import Case, Kind
from tests.material import Format, good
from tests.tag_bytes import ape, box, comments, flac_with, frame, id3v2, mp4_with, text
from tests.tagging import WRITERS, id3, id3_tags, retagged

HEADER = Kind("length-in-the-header-wrong", "JamesHeinrich/getID3#193, google/ExoPlayer#9238")
INFO = Kind("mp3-damage-behind-the-header", "agersant/mp3-duration#16, Zeugma440/atldotnet#96")
FREE = Kind("mp3-free-format", "ISO/IEC 11172-3, 2.4.2.3")
RAW = Kind("flac-without-a-beginning", "RFC 9639, 9.1")
INSIDE = Kind(
    "cut-where-no-length-is-declared", "ISO/IEC 11172-3, 2.4.1; ISO/IEC 14496-3, 1.A.2; ETSI TS 102 366, 4.1"
)
MIDDLE = Kind(
    "recorded-from-the-middle-of-a-frame", "schreibfaul1/ESP32-audioI2S#945, streams of radio stations"
)
BLOCK = Kind("flac-comment-block-too-short", "quodlibet/mutagen#52")
RATE = Kind("bit-rate-with-a-picture", "finamp-app/finamp#1465, tinytag/tinytag#338, taglib/taglib#917")
FRAMES = Kind("flac-of-changing-form", "RFC 9639, 9.1")

FOUR = {"duration_s": (4.0, 0.06)}
TWICE = {"state": "partial", "duration_s": (8.0, 0.25), "says": "4.0 s of audio instead of the 8.2 s"}
HALF = {"state": "partial", "duration_s": (4.0, 0.06), "says": "s of audio instead of the 4.0 s"}
REFUSED = {"state": "quarantined", "code": "unsupported-format"}
NO_BEGINNING = {**REFUSED, "says": "FLAC without the beginning of the file"}
SKIPPED: dict[str, Any] = {"says": "damaged packets skipped: 1"}
IN_A_FRAME = {"state": "partial", "says": "it ends inside a frame"}
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(200_000)


@cache
def bare(kbps: int = 128, rate_hz: int = 44_100) -> bytes:
    """Frames of MP3 alone, four seconds in mono."""
    options = (("write_xing", "0"), ("id3v2_version", "0"))
    form = Format("mp3", "mp3", "libmp3lame", bit_rate_bps=1000 * kbps, muxer_options=options)
    return material.encode_as(material.music(4.0, rate_hz=rate_hz, channels=1), form, rate_hz)


def frame_starts(data: bytes) -> list[int]:
    """Where the frames of 128 kbit/s at 44.1 kHz begin."""
    starts, at = [], 0
    while at + 4 <= len(data):
        starts.append(at)
        at += 144 * 128_000 // 44_100 + (data[at + 2] >> 1 & 1)
    return starts


def vbri(frames: int) -> bytes:
    """Frames behind a header of Fraunhofer's encoder that counts so many."""
    data = bare()
    first = data[: frame_starts(data)[1]]
    head = first[:4] + bytes(32) + b"VBRI" + struct.pack(">HHHII", 1, 0, 0, len(data), frames)
    return head.ljust(len(first), b"\0") + data


def damaged(*numbers: int, part: float = 0.5) -> bytes:
    """A file whose Info header is right, of which some frames lack their header and the end is missing."""
    data = bytearray(good("mp3"))
    at = data.index(b"\xff\xfb")
    for number in range(max(numbers) + 1):
        size = 144 * 192_000 // 44_100 + (data[at + 2] >> 1 & 1)
        if number in numbers:
            data[at : at + 4] = b"\0\0\0\0"
        at += size
    return material.truncated(bytes(data), part)


def with_junk(part: float) -> bytes:
    """A file with junk behind its Info header, of which the end is missing."""
    data = good("mp3")
    info = data.index(b"Info")
    second = data.index(b"\xff\xfb", info)
    return material.truncated(data[:second] + bytes(5000) + data[second:], part)


def free_format(kbps: int = 64, rate_hz: int = 32_000) -> bytes:
    """Frames that do not say their bit rate; at these rates all have one size."""
    data = bytearray(bare(kbps, rate_hz))
    size = 144_000 * kbps // rate_hz
    for at in range(0, len(data) - 3, size):
        data[at + 2] &= 0x0F
    return bytes(data)


def flac_frames(data: bytes) -> bytes:
    """The frames of a FLAC file alone."""
    at = 4
    while True:
        last, size = data[at] & 0x80, int.from_bytes(data[at + 1 : at + 4], "big")
        at += 4 + size
        if last:
            return data[at:]


def cut_frames(name: str) -> bytes:
    """A file that ends inside a frame."""
    return material.truncated(material.encode(material.music(2.0), name), 0.6)


def beheaded(name: str, lost: int) -> bytes:
    """A file without its first bytes."""
    return good(name)[lost:]


def raw_flac(rate_hz: int = 44_100, channels: int = 2) -> bytes:
    """Frames of FLAC without the beginning of the file."""
    return flac_frames(
        material.encode(material.music(3.0, rate_hz=rate_hz, channels=channels), "flac", rate_hz)
    )


def short_block(lost: int) -> bytes:
    """A file whose last block holds comments and is said to be shorter than they are."""
    block = comments([b"ALBUM=Al", b"TITLE=Song", b"ARTIST=Band"])
    data = flac_with(good("flac"), (4, block))
    at = data.index(block) - 3
    return data[:at] + (len(block) - lost).to_bytes(3, "big") + data[at + 3 :]


def rate_of(name: str) -> Callable[[], tuple[float, float]]:
    """The bit rate of a format's audio, by its packets, and how far the stored one may be off."""

    def bps() -> tuple[float, float]:
        with av.open(io.BytesIO(good(name)), "r") as container:
            stream = container.streams.audio[0]
            packets = [packet for packet in container.demux(stream) if packet.size]
            seconds = float(sum(packet.duration or 0 for packet in packets) * (stream.time_base or 0))
        rate = sum(packet.size for packet in packets) * 8 / seconds
        return rate, 0.015 * rate

    return bps


def pictured(name: str) -> bytes:
    """A file with a large picture, and some tags."""

    def change(opened: Any) -> None:
        WRITERS[name](opened)
        if WRITERS[name] is id3_tags:
            opened.tags.add(id3.APIC(mime="image/png", type=4, desc="back", data=PICTURE))

    return retagged(name, change)


# fmt: off
CASES = (
    Case(HEADER, "mp3-twice.mp3", lambda: material.mp3_declaring(314), TWICE),
    Case(HEADER, "mp3-right.mp3", lambda: good("mp3"), FOUR),
    Case(HEADER, "mp3-none.mp3", bare, {"duration_s": (4.0, 0.1)}),
    Case(HEADER, "vbri-right.mp3", lambda: vbri(154), {"duration_s": (4.0, 0.1)}),
    Case(HEADER, "vbri-twice.mp3", lambda: vbri(314), TWICE),
    Case(HEADER, "flac-twice.flac", lambda: material.flac_claiming(2 * 176_400), {**TWICE, "says": "4.0 s of audio instead of the 8.0 s"}),
    Case(HEADER, "flac-none.flac", lambda: material.flac_claiming(0), FOUR),
    Case(HEADER, "flac-right.flac", lambda: good("flac"), FOUR),
    Case(HEADER, "mp3-half.mp3", lambda: material.mp3_declaring(77), {"state": "done", "says": "more audio than its header declares"}),
    Case(INFO, "third.mp3", lambda: damaged(3), HALF),
    Case(INFO, "first.mp3", lambda: damaged(1), HALF),
    Case(INFO, "three.mp3", lambda: damaged(1, 2, 3), HALF),
    Case(INFO, "twenty.mp3", lambda: damaged(*range(1, 21)), HALF),
    Case(INFO, "junk.mp3", lambda: with_junk(0.5), HALF),
    Case(INFO, "cut.mp3", lambda: material.truncated(good("mp3"), 0.5), HALF),
    Case(INFO, "damaged-and-whole.mp3", lambda: damaged(3, part=1.0), {**FOUR, "says": "damaged packets skipped: 1"}),
    Case(INSIDE, "in-a-frame.mp3", lambda: material.truncated(bare(), 0.5), IN_A_FRAME),
    Case(INSIDE, "in-a-header.mp3", lambda: bare()[: frame_starts(bare())[70] + 2], IN_A_FRAME),
    Case(INSIDE, "between-frames.mp3", lambda: bare()[: frame_starts(bare())[70]], {"duration_s": (1.83, 0.06)}),
    Case(INSIDE, "junk-behind.mp3", lambda: bare() + b"junk" * 50, {"duration_s": (4.0, 0.1), "says": "damaged packets skipped: 1"}),
    *(Case(INSIDE, f"{name}.{material.MORE_FORMATS[name].extension}", partial(cut_frames, name), IN_A_FRAME) for name in ("raw-aac", "ac3", "eac3", "mp2")),
    *(Case(BLOCK, f"{lost}-bytes-too-short.flac", partial(short_block, lost), {**FOUR, "title": "Song", "artist": "Band"} | more) for lost, more in ((1, {}), (9, {}), (20, SKIPPED), (40, SKIPPED))),
    Case(FREE, "64-at-32000.mp3", free_format, REFUSED),
    Case(FREE, "160-at-48000.mp3", lambda: free_format(160, 48_000), REFUSED),
    Case(FREE, "tagged.mp3", lambda: id3v2(frame("TIT2", text("Song"))) + free_format(), REFUSED),
    Case(FREE, "low-rate.mp3", lambda: free_format(96, 48_000), REFUSED),
    Case(RAW, "frames.flac", raw_flac, NO_BEGINNING),
    Case(RAW, "junk.flac", lambda: bytes(700) + raw_flac(), NO_BEGINNING),
    Case(RAW, "tagged.flac", lambda: id3v2(frame("TIT2", text("Song"))) + raw_flac(), NO_BEGINNING),
    Case(RAW, "from-the-middle.flac", lambda: raw_flac()[30_000:], NO_BEGINNING),
    Case(FRAMES, "other-rate-behind.flac", lambda: material.flac_claiming(0) + raw_flac(22_050), {"state": "partial", "says": "the sample rate changes"}),
    Case(FRAMES, "other-rate-declared.flac", lambda: material.flac_claiming(176_400 + 132_300) + raw_flac(22_050), {"state": "partial", "says": "s of audio instead of the 7.0 s"}),
    Case(FRAMES, "two-files.flac", lambda: good("flac") + good("flac", seed=2), {"state": {"done", "partial"}, "says": "more audio than its header declares"}),
    Case(FRAMES, "mono-behind.flac", lambda: material.flac_claiming(0) + raw_flac(channels=1), {"state": {"done", "partial"}, "says": "the number of channels changes"}),
    *(Case(RATE, f"{name}.{material.FORMATS[name].extension}", partial(pictured, name), {**FOUR, "bit_rate_bps": rate_of(name)}) for name in ("mp3", "flac", "wav", "aiff", "aac", "alac", "vorbis", "opus", "ogg-flac", "wma")),
    Case(RATE, "padded.flac", lambda: flac_with(good("flac"), (1, bytes(300_000)), (4, comments([b"TITLE=Song"]))), {**FOUR, "bit_rate_bps": rate_of("flac"), "title": "Song"}),
    Case(RATE, "ape-behind.mp3", lambda: good("mp3") + ape([("Cover Art (Front)", b"a.png\0" + PICTURE)]), {**FOUR, "bit_rate_bps": rate_of("mp3")}),
    Case(RATE, "free.m4a", lambda: mp4_with(material.index_last(), box(b"free", bytes(200_000))), {**FOUR, "bit_rate_bps": rate_of("aac")}),
    *(Case(MIDDLE, f"{lost}-bytes.{material.MORE_FORMATS[name].extension}", partial(beheaded, name, lost), {"duration_s": (4.0, 0.1)}) for name in ("raw-aac", "ac3", "eac3", "mp2") for lost in (1, 100)),
    Case(MIDDLE, "zeros.aac", lambda: bytes(5000) + good("raw-aac"), {"duration_s": (4.0, 0.1)}),
    Case(MIDDLE, "tagged.aac", lambda: id3v2(frame("TIT2", text("Song"))) + good("raw-aac")[50:], {"title": "Song", "duration_s": (4.0, 0.1)}),
)
# fmt: on
