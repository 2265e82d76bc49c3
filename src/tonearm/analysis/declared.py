"""What a file's own header says about its length, and whether the file still reaches that far.

FFmpeg's durations are good for display, but some are guesses from the bit rate, and some come from what is
left of the file; to notice that the end is missing, the headers are read here.
"""

from dataclasses import dataclass

from tonearm.analysis import window as kinds
from tonearm.analysis.chunks import chunks
from tonearm.analysis.container import Opened, told
from tonearm.analysis.mpeg import declared_samples
from tonearm.analysis.window import Window
from tonearm.errors import Fault, FileFault

UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFF000)
"""Sizes that programs write which do not know the length when they begin."""

OGG_TAIL_BYTES = 1 << 17
"""Holds the longest Ogg page (65,307 bytes) and as much again."""

ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_HEADER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Declared:
    """The declared length.

    seconds: ``None`` when the file does not say and nothing can be guessed.
    exact: the header counts samples; missing ones are missing audio. Otherwise it is a guess.
    cut: why the file is known to have lost its end, whatever its length; empty when it is not known to.
    """

    seconds: float | None
    exact: bool
    cut: str = ""


def declared_length(opened: Opened) -> Declared:
    """Read what the file says about its length. Raises ``FileFault(READ_ERROR)``."""
    place = opened.window.tell()
    try:
        return _declared_length(opened)
    except OSError as error:
        raise FileFault(Fault.READ_ERROR, told(error)) from error
    finally:
        opened.window.seek(place)  # FFmpeg reads on from where it was


def _declared_length(opened: Opened) -> Declared:
    samples = _declared_samples(opened)
    if samples and samples > 0:  # 0: whatever wrote the file never came back to fill it in
        return Declared(samples / opened.stream.codec_context.sample_rate, exact=True)
    seconds = _seconds_by_ffmpeg(opened)
    if opened.kind is kinds.OGG:
        ended = ogg_ends(opened.window)
        cut = "" if ended else "its last page is not marked as the end"
        return Declared(seconds, seconds is not None, cut)
    if opened.kind is kinds.ASF:
        seconds_in_header = asf_seconds(opened.window)
        return Declared(seconds_in_header or seconds, seconds_in_header is not None)
    return Declared(seconds, exact=opened.kind is kinds.MP4 and seconds is not None)


def _declared_samples(opened: Opened) -> int | None:
    window, context = opened.window, opened.stream.codec_context
    if opened.codec == "flac":
        return flac_samples(context.extradata or b"")
    if opened.kind is kinds.MP3:
        return declared_samples(window.part(0, 4096))
    if opened.kind is kinds.AIFF:
        return aiff_samples(window)
    if opened.kind is kinds.WAV and opened.codec.startswith("pcm"):
        return wav_samples(window)
    return None


def _seconds_by_ffmpeg(opened: Opened) -> float | None:
    stream = opened.stream
    if stream.duration is None or stream.time_base is None or stream.duration <= 0:
        return None
    return float(stream.duration * stream.time_base)


def flac_samples(extradata: bytes) -> int | None:
    """Return the total samples in STREAMINFO: 36 bits, 0 for unknown (RFC 9639, 8.2)."""
    if len(extradata) < 18:
        return None
    return int.from_bytes(extradata[13:18], "big") & 0xFFFFFFFFF or None


def wav_samples(window: Window) -> int | None:
    """Return the samples a channel that the data chunk's size promises; RF64 as in EBU Tech 3306."""
    frame_bytes = 0
    size64 = None
    for name, at, size in chunks(window, "little"):
        if name == b"ds64":
            size64 = int.from_bytes(window.part(at + 8, 8), "little")
        elif name == b"fmt ":
            frame_bytes = int.from_bytes(window.part(at + 12, 2), "little")
        elif name == b"data":
            if size == 0xFFFFFFFF and size64 is not None:
                size = size64
            return size // frame_bytes if frame_bytes and size not in UNKNOWN_SIZES else None
    return None


def aiff_samples(window: Window) -> int | None:
    """Return the number of sample frames in the COMM chunk, ``None`` for 0."""
    for name, at, _ in chunks(window, "big"):
        if name == b"COMM":
            return int.from_bytes(window.part(at + 2, 4), "big") or None
    return None


def asf_seconds(window: Window) -> float | None:
    """Return the play duration less the preroll (ASF specification, 3.2); ``None`` for a broadcast or 0."""
    header = window.part(0, ASF_HEADER_BYTES)
    at = header.find(ASF_FILE_PROPERTIES)
    if at < 0 or len(header) < at + 92:
        return None
    play_100ns = int.from_bytes(header[at + 64 : at + 72], "little")
    preroll_ms = int.from_bytes(header[at + 80 : at + 88], "little")
    broadcast = header[at + 88] & 1
    seconds = play_100ns / 1e7 - preroll_ms / 1e3
    return seconds if seconds > 0 and not broadcast else None


def ogg_ends(window: Window) -> bool:
    """Whether the last page is whole and marked as the end of its stream (RFC 3533, 6)."""
    tail = window.part(window.size - OGG_TAIL_BYTES, OGG_TAIL_BYTES)
    page = tail[max(0, tail.rfind(b"OggS\0")) :]
    if len(page) < 27:
        return False
    segments = page[27 : 27 + page[26]]
    return len(page) >= 27 + page[26] + sum(segments) and bool(page[5] & 4)
