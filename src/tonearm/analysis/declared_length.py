"""Reads the length that a file's header declares, and whether the end of the file is known to be missing.

Some of FFmpeg's durations are estimated from the bit rate, and some from the existing part of the file. To detect
a missing end, this module reads the headers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tonearm.analysis import kinds
from tonearm.analysis.aiff import aiff_samples
from tonearm.analysis.asf import asf_cut, asf_seconds
from tonearm.analysis.boxes import cut_in_fragment, edited_seconds
from tonearm.analysis.chunks import caf_chunks, wide_chunks
from tonearm.analysis.container import Opened
from tonearm.analysis.file_window import Window, os_reason
from tonearm.analysis.last_frame import last_frame_cut
from tonearm.analysis.mpeg import declared_samples
from tonearm.analysis.ogg import last_page_whole
from tonearm.analysis.tags.matroska import muxing_app
from tonearm.analysis.wav import WavLayout
from tonearm.errors import Fault, FileFault

OPUS_RATE_HZ = 48_000
AV_TIME_BASE = 1_000_000
"""Units of a second in which FFmpeg counts the duration of a container."""

TAG_BYTES = 512
"""Fewer bytes outside of the pages of an Ogg file are a tag that a program has put at its end."""
LEFT_OUT_S = 0.5
"""An edit list that leaves out more than this is remarked; less is what encoders add."""
NO_LENGTH = "its header declares no length"
"""A remark."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The declared length.

    seconds: ``None`` when the file declares none and none can be estimated.
    exact: the header counts samples, so that missing ones are missing audio; otherwise it is an estimate.
    cut: why the end of the file is known to be missing, whatever its length; empty if it is not known to be.
    remarks: sentences about what is unusual and no damage.
    """

    seconds: float | None
    exact: bool
    cut: str = ""
    remarks: tuple[str, ...] = ()


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
        seconds = samples / opened.stream.codec_context.sample_rate
        cut = "" if opened.kind is kinds.MP3 else _cut(opened)
        return Declared(seconds, exact=True, cut=cut)
    estimated = _seconds_by_ffmpeg(opened)
    if opened.kind is kinds.MP4 and estimated is not None:
        return _declared_by_edits(opened, estimated)
    if opened.kind is kinds.ASF:
        return _declared_by_asf(opened.window, estimated)
    late = _begins_at(opened) if opened.kind is kinds.MATROSKA else 0.0
    if estimated is not None and LEFT_OUT_S < late < estimated:
        remark = f"its audio begins {late:.1f} s after the start of the file"
        # Of other programs it is not known whether the length that they write begins at 0 or with the audio.
        exact = muxing_app(opened.window).startswith(b"Lavf")
        return Declared(estimated - late if exact else estimated, exact, remarks=(remark,))
    exact = opened.kind in EXACT_BY_FFMPEG and estimated is not None
    remarks = () if exact or opened.kind in UNDECLARED else (NO_LENGTH,)
    return Declared(estimated, exact, _cut(opened), remarks)


def _declared_by_asf(window: Window, estimated: float | None) -> Declared:
    """The length in the header of an ASF file, or an estimate: of a broadcast, or a recording that was interrupted."""
    seconds = asf_seconds(window)
    if seconds is not None:
        return Declared(seconds, exact=True)
    return Declared(estimated, exact=False, cut=asf_cut(window), remarks=(NO_LENGTH,))


def _declared_by_edits(opened: Opened, seconds: float) -> Declared:
    """The length of a track of MP4, of which the edit list may leave out a part."""
    cut = "it ends inside a fragment" if cut_in_fragment(opened.window) else ""
    edited = edited_seconds(opened.window, opened.stream.id)
    if edited is None:
        return Declared(seconds, True, cut)
    played, there = edited
    remark = f"its edit list plays {played:.1f} s of the {there:.1f} s of audio in it"
    return Declared(min(seconds, played), True, cut, remarks=(remark,) if there - played > LEFT_OUT_S else ())


def _cut(opened: Opened) -> str:
    """Why a part of the file is known to be missing, whatever its length; empty otherwise."""
    if opened.kind is kinds.WAVPACK and wavpack_index(opened.window) > 0:
        return "its first block is not that of the beginning"
    if opened.kind is not kinds.WAV or opened.codec.startswith("pcm"):
        return "it ends inside a frame" if last_frame_cut(opened.window, opened.kind) else ""
    layout = opened.wav
    if layout is None or layout.declared_bytes is None or layout.data_bytes >= layout.declared_bytes:
        return ""
    return f"{layout.data_bytes:,} bytes of data instead of the {layout.declared_bytes:,} that its header declares"


def _declared_by_links(opened: Opened) -> Declared:
    """Add up the links of an Ogg file. An end mark is not required, because many recorders write none."""
    failed_before, last = opened.failed_reads, opened
    lengths: list[float | None] = []
    lost = stray = 0
    for link in opened.links():
        lengths.append(_ogg_seconds(link))
        stray += link.ogg.stray_bytes if link.ogg else 0
        lost += link.ogg.audio.lost_pages if link.ogg and link.ogg.audio else 0
        last = link
    broken, opened.failed_reads = opened.failed_reads - failed_before, failed_before
    cut = f"unreadable streams in its chain: {broken}" if broken else ""
    if not last_page_whole(last.window):
        cut = "its last page is incomplete"
    elif last.ogg is not None and last.ogg.audio is not None and last.ogg.audio.end_lost:
        cut = "its last page is damaged"
    known = [seconds for seconds in lengths if seconds is not None]
    exact = len(known) == len(lengths)
    return Declared(
        sum(known) if exact else None, exact, cut, tuple(_ogg_remarks(last, lost, stray, bool(cut)))
    )


def _ogg_remarks(last: Opened, lost_pages: int, stray_bytes: int, is_cut: bool) -> Iterator[str]:
    if stray_bytes > TAG_BYTES:
        yield f"bytes that belong to no page: {stray_bytes:,}"
    if lost_pages:
        yield f"pages that are missing, by their numbers: {lost_pages:,}"
    if not is_cut and last.ogg is not None and last.ogg.audio is not None and not last.ogg.audio.ended:
        yield "its last page is not marked as the last: a recorder left it so, or the end is missing"


def _ogg_seconds(link: Opened) -> float | None:
    """The length of one link: from where it begins, by its pages or as FFmpeg says, to where its last page ends.

    A stream that was recorded from its middle on begins later than at zero. Of Opus the samples that are dropped at the
    start are taken off (RFC 7845, 4.3).
    """
    samples = _declared_samples(link)
    if samples:
        return samples / link.stream.codec_context.sample_rate
    unit = link.stream.time_base
    audio = link.ogg.audio if link.ogg else None
    end = audio.end_position if audio else None
    if audio is None or end is None or end <= 0 or unit is None:
        return _seconds_by_ffmpeg(link)
    skipped_s = 0.0
    if link.codec == "opus":
        skipped_s = opus_pre_skip(link.stream.codec_context.extradata or b"") / OPUS_RATE_HZ
    start = (link.stream.start_time or 0) if audio.start_position is None else audio.start_position
    seconds = float((end - start) * unit) - skipped_s
    return seconds if seconds > 0 else None


def opus_pre_skip(head: bytes) -> int:
    """Return the samples at 48 kHz that are dropped at the start, by an OpusHead packet (RFC 7845, 5.1)."""
    return int.from_bytes(head[10:12], "little")


def _declared_samples(opened: Opened) -> int | None:
    window, context = opened.window, opened.stream.codec_context
    if opened.kind in SAMPLES_IN_HEADER:
        return SAMPLES_IN_HEADER[opened.kind](window)
    if opened.codec == "flac":
        return flac_samples(context.extradata or b"")
    if opened.kind is kinds.MP3:
        return declared_samples(window.part(0, 4096))
    if opened.kind is kinds.AIFF:
        return aiff_samples(window)
    if opened.kind is kinds.WAV:
        return wav_samples(opened.wav, opened.codec.startswith("pcm"))
    return None


def _seconds_by_ffmpeg(opened: Opened) -> float | None:
    stream = opened.stream
    if opened.kind is kinds.AIFF:  # the number in its header, which is no length
        return None
    if stream.duration is not None and stream.time_base is not None and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    if opened.kind is kinds.MATROSKA and opened.container.duration:
        return opened.container.duration / AV_TIME_BASE
    return None


def _begins_at(opened: Opened) -> float:
    """The time of the first packet in seconds: later than 0 in what was recorded or cut out without moving it there."""
    start, unit = opened.stream.start_time, opened.stream.time_base
    return float(start * unit) if start is not None and unit is not None else 0.0


def wavpack_samples(window: Window) -> int | None:
    """The samples that the first block promises for the whole file: 40 bits, all ones for unknown (WavPack 5, 2.0)."""
    head = window.part(0, 32)
    low = int.from_bytes(head[12:16], "little")
    return None if low == 0xFFFFFFFF else (low | (head[11] << 32) if len(head) > 11 else None)


def wavpack_index(window: Window) -> int:
    """The number of the first sample of the first block: 40 bits (WavPack 5, 2.0)."""
    head = window.part(0, 32)
    return int.from_bytes(head[16:20], "little") | (head[10] << 32) if len(head) == 32 else 0


def tta_samples(window: Window) -> int | None:
    """The samples in the header (True Audio Codec, TTA1 header)."""
    return int.from_bytes(window.part(14, 4), "little") or None


def dsf_samples(window: Window) -> int | None:
    """The samples of one bit in the format chunk, of which FFmpeg makes one of eight (Sony, DSF 1.01)."""
    return int.from_bytes(window.part(64, 8), "little") // 8 or None


def musepack8_samples(window: Window) -> int | None:
    """The samples in the stream header, less the silence at their beginning (Musepack SV8, stream header packet)."""
    head = window.part(4, 40)
    if head[:2] != b"SH":
        return None
    at = 2
    while at < len(head) and head[at] & 0x80:  # the size of the packet
        at += 1
    total, at = _number_of_seven_bits(head, at + 6)
    silence, _ = _number_of_seven_bits(head, at)
    return total - silence if total > silence else None


def _number_of_seven_bits(data: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, of which all but the last have their highest bit set; and where it ends."""
    number = 0
    while at < len(data):
        number = number << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            break
    return number, at


def dff_samples(window: Window) -> int | None:
    """The samples in the chunk of DSD data, which has a byte of eight samples of one bit for each channel in turn."""
    channels = 0
    for name, at, size in wide_chunks(window, 16):
        if name == b"PROP":
            for inner, inner_at, _ in wide_chunks(window, at + 4, at + size):
                if inner == b"CHNL":
                    channels = int.from_bytes(window.part(inner_at, 2), "big")
        elif name == b"DSD ":
            return size // channels if channels else None
    return None


def caf_samples(window: Window) -> int | None:
    """The samples in the data chunk of uncompressed audio, or those that the packet table counts (Apple, CAF 1.0)."""
    packet_bytes = packet_samples = 0
    data_bytes = valid = None
    for name, at, size in caf_chunks(window):
        if name == b"desc":
            packet_bytes = int.from_bytes(window.part(at + 16, 4), "big")
            packet_samples = int.from_bytes(window.part(at + 20, 4), "big")
        elif name == b"pakt":
            valid = int.from_bytes(window.part(at + 8, 8), "big")
        elif name == b"data" and size > 0:
            data_bytes = size - 4
    if valid:
        return valid
    return data_bytes // packet_bytes * packet_samples if data_bytes and packet_bytes else None


SAMPLES_IN_HEADER: Mapping[kinds.ContainerFormat, Callable[[Window], int | None]] = {
    kinds.WAVPACK: wavpack_samples,
    kinds.TTA: tta_samples,
    kinds.DSF: dsf_samples,
    kinds.MUSEPACK8: musepack8_samples,
    kinds.DFF: dff_samples,
    kinds.CAF: caf_samples,
}
EXACT_BY_FFMPEG = (kinds.MP4, kinds.APE, kinds.MUSEPACK, kinds.AU, kinds.MATROSKA)
"""Formats of which FFmpeg tells the duration that is in the header."""


UNDECLARED = (kinds.MP3, kinds.AAC, kinds.AC3, kinds.EAC3, kinds.WAV)
"""Formats of which whole files often declare no length: streams without a container, and WAV written to a pipe."""


def flac_samples(extradata: bytes) -> int | None:
    """Return the total samples in STREAMINFO: 36 bits, 0 for unknown (RFC 9639, 8.2)."""
    if len(extradata) < 18:
        return None
    return int.from_bytes(extradata[13:18], "big") & 0xFFFFFFFFF or None


def wav_samples(layout: WavLayout | None, is_pcm: bool) -> int | None:
    """The samples a channel that the size of the data promises, or the fact chunk of a compressed format."""
    if layout is None or not layout.block_bytes:
        return None
    if not is_pcm:
        return layout.samples
    return None if layout.declared_bytes is None else layout.declared_bytes // layout.block_bytes
