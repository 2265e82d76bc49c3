"""The only module that opens containers with FFmpeg: it chooses the audio stream and translates FFmpeg's errors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition

from tonearm.analysis.aiff import presented_aiff
from tonearm.analysis.bit_depth import bit_depth
from tonearm.analysis.file_window import RawFile, Window, find_audio, os_reason
from tonearm.analysis.kinds import AIFF, MP4, OGG, WAV, ContainerFormat
from tonearm.analysis.ogg import Link, links, without_repeated_headers
from tonearm.analysis.protection import is_encrypted
from tonearm.analysis.wav import WavLayout, may_be_coded, presented, wav_layout
from tonearm.errors import Fault, FileFault

CODECS = {
    "mp3": "mp3",
    "mp3float": "mp3",
    "mp2": "mp2",
    "mp2float": "mp2",
    "mp1": "mp1",
    "mp1float": "mp1",
    "flac": "flac",
    "alac": "alac",
    "aac": "aac",
    "vorbis": "vorbis",
    "opus": "opus",
    "wmav1": "wma",
    "wmav2": "wma",
    "wmapro": "wma-pro",
    "wmalossless": "wma-lossless",
    "wmavoice": "wma-voice",
    "adpcm_ima_wav": "adpcm-ima",
    "adpcm_ms": "adpcm-ms",
    "gsm_ms": "gsm",
    "wavpack": "wavpack",
    "ape": "ape",
    "mpc7": "musepack",
    "mpc8": "musepack",
    "tta": "tta",
    "speex": "speex",
    "ac3": "ac3",
    "eac3": "eac3",
    "dsd_lsbf": "dsd",
    "dsd_msbf": "dsd",
    "dsd_lsbf_planar": "dsd",
    "dsd_msbf_planar": "dsd",
    "dst": "dst",
}
"""FFmpeg's decoders that may be used, in addition to those for PCM, and Tonearm's names of their formats."""

PCM = {
    f"pcm_{form}"
    for form in (
        *("u8", "s8", "alaw", "mulaw"),
        *("s16le", "s24le", "s32le", "s64le", "f16le", "f24le", "f32le", "f64le"),
        *("s16be", "s24be", "s32be", "s64be", "f32be", "f64be"),
    )
}

BUFFER_BYTES = 1 << 18
MAX_FAILED_READS = 64
"""Reading ends after this many damaged places without a packet between them."""

CHANNELS = range(1, 65)
RATES_HZ = range(1_000, 768_001)

_OPTIONS = {
    "protocol_whitelist": "none",
    "codec_whitelist": ",".join([*CODECS, *sorted(PCM)]),
    "max_streams": "100",
    "max_probe_packets": "4",
}
_DEMUXER_OPTIONS = {
    "wav": {"max_size": str(1 << 15)},
    "flac": {"raw_packet_size": str(1 << 14)},
    "ac3": {"raw_packet_size": str(1 << 14)},
    "eac3": {"raw_packet_size": str(1 << 14)},
    "mov": {"enable_drefs": "0", "use_absolute_path": "0"},
}


_DEFAULT: Mapping[str, str] = {}
_UNEDITED = {"ignore_editlist": "1"}
_SAMPLES_ALONE = {"probesize": str(1 << 15)}
"""Of WAV FFmpeg probes the samples for other formats, for milliseconds; this ends it."""


@dataclass(slots=True)
class Opened:
    """An open container with its chosen audio stream.

    window: the bytes that FFmpeg reads: the audio without tags around it; of a chained Ogg file, one link.
    later: the windows of the links that follow this one. ogg: what the pages of this link say.
    speakers: FFmpeg's name of each channel's speaker, ``NONE`` where the file names none.
    wav: where the parts of a WAV file are.
    failed_reads: places that could not be demuxed, and links that could not be opened, so far.
    """

    kind: ContainerFormat
    window: Window
    container: InputContainer
    stream: AudioStream
    speakers: tuple[str, ...]
    later: "tuple[tuple[Window, Link], ...]" = ()
    ogg: Link | None = None
    wav: WavLayout | None = None
    failed_reads: int = 0

    @property
    def codec(self) -> str:
        """Tonearm's name of the audio format, such as ``mp3``, ``pcm`` or ``wma``."""
        return codec_name(self.stream.codec_context.name) or "unknown"

    @property
    def bit_depth(self) -> int | None:
        """Bits a sample as coded, ``None`` for lossy formats. Raises ``FileFault(READ_ERROR)``."""
        return bit_depth(self.codec, self.stream.codec_context, self.kind, self.window)

    def packets(self) -> "Iterator[Packet[AudioStream]]":
        """Yield the audio packets of this link that hold data; continue after damaged places.

        Raises ``FileFault``: ``READ_ERROR``, ``OUT_OF_MEMORY``.
        """
        in_a_row = 0
        while in_a_row < MAX_FAILED_READS:
            try:
                for packet in self.container.demux(self.stream):
                    if packet.size:
                        in_a_row = 0
                        yield packet
                self.check_disk()
                return
            except (av.FFmpegError, ValueError, OSError, MemoryError) as error:
                self.check(error)
                self.failed_reads += 1
                in_a_row += 1

    def links(self) -> "Iterator[Opened]":
        """Yield this link, then every later one, each open until the next is asked for.

        A link that can't be opened counts as a failed read. Raises ``FileFault``: ``READ_ERROR``, ``OUT_OF_MEMORY``.
        """
        yield self
        for window, described in self.later:
            try:
                with _open_link(self.kind, window, described) as link:
                    yield link
            except FileFault as fault:
                if fault.fault in (Fault.READ_ERROR, Fault.OUT_OF_MEMORY):
                    raise
                self.failed_reads += 1

    def check_disk(self) -> None:
        """Raise ``FileFault(READ_ERROR)`` if a read has failed: FFmpeg may report that as the end of the file."""
        if self.window.error is not None:
            raise FileFault(Fault.READ_ERROR, os_reason(self.window.error)) from self.window.error

    def check(self, error: Exception) -> None:
        """Raise ``FileFault`` if an error was not caused by damage: a failing disk or too little memory."""
        self.check_disk()
        if isinstance(error, MemoryError):
            raise FileFault(Fault.OUT_OF_MEMORY) from error


@contextmanager
def open_container(file: RawFile, edited: bool = True) -> Iterator[Opened]:
    """Open the audio of a file; its position moves, it stays open afterwards.

    edited: without what the edit list of an MP4 file cuts off.
    Raises ``FileFault``, every one but ``NO_SAMPLES``.
    """
    kind, window = find_audio(file)
    layout, source, options = None, window, _DEFAULT if edited or kind is not MP4 else _UNEDITED
    try:
        if kind is OGG:
            first, *later = [
                (Window(file, window.start + link.start, window.start + link.end), link)
                for link in links(window)
            ]
        elif kind is WAV:
            layout = _wav_layout(window)
            if layout is not None:
                source = presented(window, layout)
                options = _DEFAULT if may_be_coded(window, layout) else _SAMPLES_ALONE
        elif kind is AIFF:
            source = presented_aiff(window)
    except OSError as error:
        raise FileFault(Fault.READ_ERROR, os_reason(error)) from error
    if kind is OGG:
        opening = _open_link(kind, *first, later=tuple(later))
    else:
        opening = _open_stream(kind, window, source, options)
    with opening as opened:
        opened.wav = layout
        yield opened


@contextmanager
def _open_link(
    kind: ContainerFormat, window: Window, link: Link, later: tuple[tuple[Window, Link], ...] = ()
) -> Iterator[Opened]:
    """Open a link of an Ogg file."""
    try:
        mended = without_repeated_headers(window, link.audio.serial) if link.audio else None
    except OSError as error:
        raise FileFault(Fault.READ_ERROR, os_reason(error)) from error
    with _open_stream(kind, window, mended or window) as opened:
        opened.ogg, opened.later = link, later
        yield opened


@contextmanager
def _open_stream(
    kind: ContainerFormat, window: Window, source: Window, options: Mapping[str, str] = _DEFAULT
) -> Iterator[Opened]:
    """Open a window whose contents FFmpeg reads from ``source``."""
    with _demuxer(kind, window, source, options) as container:
        stream = _choose(kind, container)
        layout = _take_layout(stream.codec_context)
        check_form(stream.codec_context.sample_rate, layout.nb_channels)
        _check_protection(kind, window, stream)
        speakers = tuple(channel.name for channel in layout.channels)
        stream.codec_context.thread_count = 1
        for other in container.streams:
            other.discard = Discard.default if other.index == stream.index else Discard.all
        yield Opened(kind, window, container, stream, speakers)


def _take_layout(context: AudioCodecContext) -> AudioLayout:
    """Return the layout of the channels, and leave only their number where they are in an unusual order.

    PyAV frees such an order each time that it has told it, so it is asked for once, before the decoder opens.
    """
    layout = context.layout
    if "(" in layout.name:  # neither one of FFmpeg's own layouts nor a number of channels alone
        context.layout = f"{layout.nb_channels} channels"
    return layout


def _demuxer(
    kind: ContainerFormat, window: Window, source: Window, options: Mapping[str, str]
) -> InputContainer:
    """Open what FFmpeg is to read: a window, or that window behind another header."""
    try:
        source.seek(0)
        return av.open(
            source,
            "r",
            format=kind.demuxer,
            container_options=_OPTIONS | _DEMUXER_OPTIONS.get(kind.demuxer, {}) | dict(options),
            metadata_errors="ignore",
            buffer_size=BUFFER_BYTES,
        )
    except MemoryError as error:
        raise FileFault(Fault.OUT_OF_MEMORY) from error
    except (av.FFmpegError, ValueError, OSError) as error:
        if window.error is not None:
            raise FileFault(Fault.READ_ERROR, os_reason(window.error)) from error
        raise FileFault(Fault.DAMAGED_HEADER, kind.title) from error


def _choose(kind: ContainerFormat, container: InputContainer) -> AudioStream:
    """Take the first stream of a known format, those marked as default first."""
    streams = container.streams.audio
    if streams and any(not other.disposition & Disposition.attached_pic for other in container.streams.video):
        raise FileFault(Fault.VIDEO, kind.title)
    if not streams:
        raise FileFault(Fault.NO_AUDIO_STREAM if container.streams else Fault.DAMAGED_HEADER, kind.title)
    ranked = sorted(streams, key=lambda stream: (not stream.disposition & Disposition.default, stream.index))
    for stream in ranked:
        if codec_name(_decoder_name(stream)):
            return stream
    raise FileFault(Fault.UNSUPPORTED_FORMAT, _decoder_name(ranked[0]) or "something unknown")


def _check_protection(kind: ContainerFormat, window: Window, stream: AudioStream) -> None:
    """Raise ``FileFault`` for audio that is encrypted."""
    try:
        encrypted = is_encrypted(kind, window, stream.id)
    except OSError as error:
        raise FileFault(Fault.READ_ERROR, os_reason(error)) from error
    if encrypted:
        raise FileFault(Fault.PROTECTED)


def _decoder_name(stream: AudioStream) -> str:
    """Return the name of the stream's decoder, empty where FFmpeg knows none."""
    context: AudioCodecContext | None = stream.codec_context
    return context.name if context is not None else ""


def _wav_layout(window: Window) -> WavLayout | None:
    """The layout of a WAV file. Raises ``FileFault`` for a form that FFmpeg would report only as invalid data, and
    ``OSError``.
    """
    layout = wav_layout(window)
    if layout is not None:
        check_form(layout.sample_rate_hz, layout.channels)
    return layout


def check_form(sample_rate_hz: int, channels: int) -> None:
    """Raise ``FileFault`` for a sample rate or number of channels that is not supported."""
    if channels not in CHANNELS:
        raise FileFault(Fault.TOO_MANY_CHANNELS, f"{channels:,}")
    if sample_rate_hz not in RATES_HZ:
        raise FileFault(Fault.BAD_SAMPLE_RATE, f"{sample_rate_hz:,}")


def codec_name(decoder: str) -> str | None:
    """Return Tonearm's name of the format that one of FFmpeg's decoders reads, ``None`` if it may not be used."""
    if decoder in ("pcm_alaw", "pcm_mulaw"):
        return decoder.replace("_", "-")
    return "pcm" if decoder in PCM else CODECS.get(decoder)
