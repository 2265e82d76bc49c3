"""Reads the length that a file's header declares, and whether the end of the file is known to be missing.

Some of FFmpeg's durations are estimated from the bit rate, and some from the existing part of the file. To detect
a missing end, this module reads the headers.
"""

from dataclasses import dataclass

from tonearm.analysis import file_window as kinds
from tonearm.analysis.chunks import chunks
from tonearm.analysis.container import Opened, os_reason
from tonearm.analysis.file_window import Window
from tonearm.analysis.mpeg import declared_samples
from tonearm.analysis.ogg import last_page_whole
from tonearm.errors import Fault, FileFault

UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFF000)
"""Sizes that programs write while the length is unknown."""

OPUS_RATE_HZ = 48_000

ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_HEADER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Declared:
    """The declared length.

    seconds: ``None`` when the file declares none and none can be estimated.
    exact: the header counts samples, so that missing ones are missing audio; otherwise it is an estimate.
    cut: why the end of the file is known to be missing, whatever its length; empty if it is not known to be.
    """

    seconds: float | None
    exact: bool
    cut: str = ""


def declared_length(opened: Opened) -> Declared:
    """Read the declared length. Raises ``FileFault(READ_ERROR)``."""
    try:
        return _declared_length(opened)
    except OSError as error:
        raise FileFault(Fault.READ_ERROR, os_reason(error)) from error


def _declared_length(opened: Opened) -> Declared:
    if opened.kind is kinds.OGG:
        return _declared_by_links(opened)
    samples = _declared_samples(opened)
    if samples and samples > 0:  # 0: the program that wrote the file never filled it in
        return Declared(samples / opened.stream.codec_context.sample_rate, exact=True)
    seconds = _seconds_by_ffmpeg(opened)
    if opened.kind is kinds.ASF:
        seconds_in_header = asf_seconds(opened.window)
        return Declared(seconds_in_header or seconds, seconds_in_header is not None)
    return Declared(seconds, exact=opened.kind is kinds.MP4 and seconds is not None)


def _declared_by_links(opened: Opened) -> Declared:
    """Add up the links of an Ogg file. An end mark is not required, because many recorders write none."""
    failed_before, last = opened.failed_reads, opened.window
    lengths: list[float | None] = []
    for link in opened.links():
        lengths.append(_ogg_seconds(link))
        last = link.window
    broken, opened.failed_reads = opened.failed_reads - failed_before, failed_before
    cut = f"unreadable streams in its chain: {broken}" if broken else ""
    if not last_page_whole(last):
        cut = "its last page is incomplete"
    known = [seconds for seconds in lengths if seconds is not None]
    exact = len(known) == len(lengths)
    return Declared(sum(known) if exact else None, exact, cut)


def _ogg_seconds(link: Opened) -> float | None:
    """The length of one link. For Opus, FFmpeg counts from the first decoded sample, not from the first played one."""
    samples = _declared_samples(link)
    if samples:
        return samples / link.stream.codec_context.sample_rate
    seconds = _seconds_by_ffmpeg(link)
    if seconds is None or link.codec != "opus":
        return seconds
    skipped_s = opus_pre_skip(link.stream.codec_context.extradata or b"") / OPUS_RATE_HZ
    start_s = float((link.stream.start_time or 0) * (link.stream.time_base or 0))
    played_s = seconds - skipped_s - start_s
    return played_s if played_s > 0 else None


def opus_pre_skip(head: bytes) -> int:
    """Return the samples at 48 kHz that are dropped at the start, by an OpusHead packet (RFC 7845, 5.1)."""
    return int.from_bytes(head[10:12], "little")


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
