"""From an open file to samples: one decoder for every format, built to get the most out of damaged files."""

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice

import av
import numpy as np
from av.audio.frame import AudioFrame

from tonearm.analysis.analyser import Float32
from tonearm.analysis.container import Opened, check_form, open_container
from tonearm.analysis.declared import Declared, declared_length
from tonearm.analysis.frames import fill, silence_nonsense
from tonearm.analysis.window import RawFile
from tonearm.errors import Fault, FileFault

PIECE_SAMPLES = 1 << 16
SETTLING_FRAMES = 4
"""Rate and channels are those of most of the first frames: the very first may be damaged."""

NO_SPEAKER = "NONE"
"""FFmpeg's name of a channel of which the file doesn't say what it is meant for."""

TOLERANCE_S = 0.25
"""So much audio may be missing before a file counts as incomplete: encoders and headers round."""

MORE_S = 1.0
"""More audio than promised is worth a word beyond so many seconds."""

STRANGE_S = 1.0
"""After so many seconds at another sample rate in a row, decoding stops."""


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What a file is. ``bit_depth`` is ``None`` for lossy formats; ``declared_s`` is a guess unless exact.

    speakers: FFmpeg's names of what each channel is meant for; empty where the file doesn't say.
    """

    codec: str
    container: str
    sample_rate_hz: int
    channels: int
    bit_depth: int | None
    bit_rate_bps: int | None
    declared_s: float | None
    declared_exact: bool
    speakers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """What came out of a file.

    decoded_s, decoded_samples: how much there is, a channel.
    damaged_packets: packets that were skipped. non_finite_samples: those replaced by silence.
    complete: everything the file promises was there.
    """

    decoded_s: float
    decoded_samples: int
    damaged_packets: int
    non_finite_samples: int
    warnings: tuple[str, ...]
    complete: bool


class AudioSource:
    """The audio of one open file: ``facts``, then ``samples`` (once), then ``report``."""

    def __init__(self, opened: Opened, declared: Declared) -> None:
        self._opened = opened
        self._declared = declared
        self._damaged = 0
        self._lost_s = 0.0
        self._silenced = 0
        self._adapted = 0
        self._decoded = 0
        self._stopped = ""
        self._finished = False
        self._frames = self._decode()
        self._first = list(islice(self._frames, SETTLING_FRAMES))
        if not self._first:
            packets = f": all {self._damaged} packets are damaged" if self._damaged else ""
            raise FileFault(Fault.NO_SAMPLES, packets)
        self.facts = self._facts()

    def _facts(self) -> AudioFacts:
        forms = Counter((frame.sample_rate, _speakers(frame)) for frame in self._first)
        rate, speakers = forms.most_common(1)[0][0]
        channels = len(speakers)
        check_form(rate, channels)
        return AudioFacts(
            codec=self._opened.codec,
            container=self._opened.kind.name,
            sample_rate_hz=rate,
            channels=channels,
            bit_depth=self._opened.bit_depth,
            bit_rate_bps=self._bit_rate_bps(),
            declared_s=self._declared.seconds,
            declared_exact=self._declared.exact,
            speakers=() if NO_SPEAKER in speakers else speakers,
        )

    def _bit_rate_bps(self) -> int | None:
        known = self._opened.stream.codec_context.bit_rate
        if known or not self._declared.seconds:
            return known or None
        return round(self._opened.window.size * 8 / self._declared.seconds)

    def samples(self) -> Iterator[Float32]:
        """Yield the audio as (n, channels) float32, full scale ±1, finite, in order; n is about a second.

        Encoder delay and padding are off. Raises ``FileFault``: ``READ_ERROR``, ``OUT_OF_MEMORY``.
        """
        piece, held = self._empty(PIECE_SAMPLES), 0
        for frame in self._at_one_rate(chain(self._first, self._frames)):
            count = frame.samples
            if held + count > len(piece):
                yield self._clean(piece[:held])
                piece, held = self._empty(max(PIECE_SAMPLES, count)), 0
            try:
                self._adapted += fill(piece[held : held + count], frame)
                held += count
            except ValueError:
                self._damaged += 1
        if held:
            yield self._clean(piece[:held])
        self._finished = True

    @property
    def report(self) -> DecodeReport:
        """What came out so far; final once ``samples`` has ended."""
        decoded_s = self._decoded / self.facts.sample_rate_hz
        return DecodeReport(
            decoded_s=decoded_s,
            decoded_samples=self._decoded,
            damaged_packets=self._damaged + self._opened.failed_reads,
            non_finite_samples=self._silenced,
            warnings=tuple(self._warnings(decoded_s)),
            complete=self._finished
            and not self._stopped
            and not self._declared.cut
            and self._missing_s(decoded_s) <= TOLERANCE_S,
        )

    def close(self) -> None:
        """End the decoding; without its file FFmpeg must not be asked for more."""
        self._frames.close()

    def _missing_s(self, decoded_s: float) -> float:
        """Seconds that the header promises beyond what there is; without such a header, those skipped."""
        exact = self._declared.exact and self._declared.seconds
        return exact - decoded_s if exact else self._lost_s

    def _warnings(self, decoded_s: float) -> Iterator[str]:
        declared_s = self._declared.seconds if self._declared.exact else None
        if declared_s and declared_s - decoded_s > TOLERANCE_S:
            yield f"{decoded_s:.1f} s of audio instead of the {declared_s:.1f} s that its header promises"
        if declared_s and decoded_s - declared_s > MORE_S:
            yield f"{decoded_s - declared_s:.1f} s more audio than its header says"
        if self._declared.cut:
            yield f"the file seems to be cut off: {self._declared.cut}"
        if self._stopped:
            yield self._stopped
        if skipped := self._damaged + self._opened.failed_reads:
            yield f"damaged places skipped: {skipped}"
        if self._adapted:
            yield f"the number of channels changes; frames adapted: {self._adapted}"
        if self._silenced:
            yield f"samples silenced that were not numbers or far too loud: {self._silenced}"

    def _decode(self) -> Generator[AudioFrame, None, None]:
        decoder = self._opened.stream.codec_context
        for packet in self._opened.packets():
            try:
                frames = decoder.decode(packet)
            except (av.FFmpegError, ValueError) as error:
                self._opened.check(error)
                self._damaged += 1
                self._lost_s += float((packet.duration or 0) * packet.time_base)
                continue
            yield from frames
        try:
            yield from decoder.decode(None)
        except (av.FFmpegError, ValueError) as error:
            self._opened.check(error)

    def _at_one_rate(self, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
        """Leave out frames at another sample rate (a damaged header); end when they don't stop."""
        rate, strange = self.facts.sample_rate_hz, 0
        for frame in frames:
            if frame.sample_rate == rate:
                strange = 0
                yield frame
                continue
            self._damaged += 1
            strange += frame.samples
            if strange > STRANGE_S * max(rate, frame.sample_rate):
                self._stopped = (
                    f"the sample rate changes from {rate:,} to {frame.sample_rate:,} Hz "
                    f"at {self._decoded / rate:.0f} s; what follows was left out"
                )
                return

    def _empty(self, samples: int) -> Float32:
        return np.empty((samples, self.facts.channels), np.float32)

    def _clean(self, piece: Float32) -> Float32:
        self._silenced += silence_nonsense(piece)
        self._decoded += len(piece)
        return piece


def _speakers(frame: AudioFrame) -> tuple[str, ...]:
    return tuple(channel.name for channel in frame.layout.channels)


@contextmanager
def open_audio(file: RawFile) -> Iterator[AudioSource]:
    """Open the audio in a file object, which moves but stays open.

    Raises ``FileFault``, every one of them, when there is no audio to be had.
    """
    with open_container(file) as opened:
        source = AudioSource(opened, declared_length(opened))
        try:
            yield source
        finally:
            source.close()
