"""The one gate to FFmpeg: opens a container, chooses its audio stream, turns FFmpeg's errors into ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition

from tonearm.analysis.chunks import wav_form
from tonearm.analysis.window import WAV, Kind, RawFile, Window, find_audio
from tonearm.errors import Fault, FileFault

CODECS = {
    "mp3": "mp3",
    "mp3float": "mp3",
    "mp2": "mp2",
    "mp2float": "mp2",
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
}
"""FFmpeg's decoders that may be used, beside those for PCM, and the names their formats have here."""

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
"""So many damaged places in a row, without a packet between them, end a file."""

CHANNELS = range(1, 65)
RATES_HZ = range(1_000, 768_001)

_OPTIONS = {
    "protocol_whitelist": "none",
    "codec_whitelist": ",".join([*CODECS, *sorted(PCM)]),
    "max_streams": "100",
    "max_probe_packets": "4",
}
_DEMUXER_OPTIONS = {
    "wav": {"max_size": str(1 << 14)},
    "mov": {"enable_drefs": "0", "use_absolute_path": "0"},
}


@dataclass(slots=True)
class Opened:
    """An open container with its chosen stream; ``failed_reads`` counts places that could not be demuxed."""

    kind: Kind
    window: Window
    container: InputContainer
    stream: AudioStream
    failed_reads: int = 0

    @property
    def codec(self) -> str:
        """The plain name of the audio's format, such as ``mp3``, ``pcm`` or ``wma``."""
        return codec_name(self.stream.codec_context.name) or "unknown"

    @property
    def bit_depth(self) -> int | None:
        """Bits a sample as coded, ``None`` for lossy formats."""
        setup = self.stream.codec_context.extradata or b""
        if self.codec == "pcm":
            return int("".join(filter(str.isdigit, self.stream.codec_context.name)))
        if self.codec == "flac" and len(setup) >= 18:  # STREAMINFO, RFC 9639, 8.2
            return ((setup[12] & 1) << 4 | setup[13] >> 4) + 1
        if self.codec == "alac" and len(setup) >= 18:  # ALACSpecificConfig behind 12 bytes of atom header
            return setup[17]
        return None

    def packets(self) -> "Iterator[Packet[AudioStream]]":
        """Yield the audio packets that hold data; go on behind damaged places.

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

    def check_disk(self) -> None:
        """Raise ``FileFault(READ_ERROR)`` if a read has failed: FFmpeg may take that for the end."""
        if self.window.error is not None:
            raise FileFault(Fault.READ_ERROR, told(self.window.error)) from self.window.error

    def check(self, error: Exception) -> None:
        """Raise the fault that a damaged place cannot explain: a failing disk, too little memory."""
        self.check_disk()
        if isinstance(error, MemoryError):
            raise FileFault(Fault.OUT_OF_MEMORY) from error


@contextmanager
def open_container(file: RawFile, **demuxer_options: str) -> Iterator[Opened]:
    """Open the audio of a file; its position moves, it stays open afterwards.

    Raises ``FileFault``, every one but ``NO_SAMPLES``.
    """
    kind, window = find_audio(file)
    if kind is WAV:
        _check_wav(window)
    with _demuxer(kind, window, demuxer_options) as container:
        stream = _choose(kind, container)
        check_form(stream.codec_context.sample_rate, stream.codec_context.channels)
        stream.codec_context.thread_count = 1
        for other in container.streams:
            other.discard = Discard.default if other.index == stream.index else Discard.all
        yield Opened(kind, window, container, stream)


def _demuxer(kind: Kind, window: Window, options: dict[str, str]) -> InputContainer:
    try:
        window.seek(0)
        return av.open(
            window,
            "r",
            format=kind.demuxer,
            container_options=_OPTIONS | _DEMUXER_OPTIONS.get(kind.demuxer, {}) | options,
            metadata_errors="ignore",
            buffer_size=BUFFER_BYTES,
        )
    except MemoryError as error:
        raise FileFault(Fault.OUT_OF_MEMORY) from error
    except (av.FFmpegError, ValueError, OSError) as error:
        if window.error is not None:
            raise FileFault(Fault.READ_ERROR, told(window.error)) from error
        raise FileFault(Fault.DAMAGED_HEADER, kind.title) from error


def _choose(kind: Kind, container: InputContainer) -> AudioStream:
    """Take the first stream of a known format, those marked as default first."""
    streams = container.streams.audio
    if not streams:
        raise FileFault(Fault.NO_AUDIO_STREAM if container.streams else Fault.DAMAGED_HEADER, kind.title)
    ranked = sorted(streams, key=lambda stream: (not stream.disposition & Disposition.default, stream.index))
    for stream in ranked:
        if codec_name(_decoder_name(stream)):
            return stream
    raise FileFault(Fault.UNSUPPORTED_FORMAT, _decoder_name(ranked[0]) or "something unknown")


def _decoder_name(stream: AudioStream) -> str:
    """Return the name of the stream's decoder, empty where FFmpeg knows none."""
    context: AudioCodecContext | None = stream.codec_context
    return context.name if context is not None else ""


def _check_wav(window: Window) -> None:
    """Refuse what FFmpeg would only call invalid data, so that the reason can be told."""
    try:
        channels, rate = wav_form(window) or (1, RATES_HZ[0])
    except OSError as error:
        raise FileFault(Fault.READ_ERROR, told(error)) from error
    check_form(rate, channels)


def check_form(sample_rate_hz: int, channels: int) -> None:
    """Raise ``FileFault`` for a sample rate or number of channels that no music has."""
    if channels not in CHANNELS:
        raise FileFault(Fault.TOO_MANY_CHANNELS, f"{channels:,}")
    if sample_rate_hz not in RATES_HZ:
        raise FileFault(Fault.BAD_SAMPLE_RATE, f"{sample_rate_hz:,}")


def codec_name(decoder: str) -> str | None:
    """Return the plain name for one of FFmpeg's decoders, ``None`` for one that is not used here."""
    if decoder in ("pcm_alaw", "pcm_mulaw"):
        return decoder.replace("_", "-")
    return "pcm" if decoder in PCM else CODECS.get(decoder)


def told(error: OSError) -> str:
    """Say an operating system's error in words."""
    return error.strerror or str(error)
