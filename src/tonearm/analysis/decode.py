"""Decodes the audio of an open file to samples; damaged parts are skipped."""

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from tonearm.analysis.analyser import Float32
from tonearm.analysis.container import Opened, check_form, open_container
from tonearm.analysis.declared_length import Declared, declared_length
from tonearm.analysis.file_window import RawFile
from tonearm.analysis.frames import fill, silence_nonsense
from tonearm.errors import Fault, FileFault
from tonearm.library.file_contents import DecodeFacts, FileFacts, SoundFacts

PIECE_SAMPLES = 1 << 17
SETTLING_FRAMES = 4
"""Number of first frames whose most frequent sample rate and channels are used, because the first may be damaged."""

NO_SPEAKER = "NONE"
"""FFmpeg's name for a channel whose speaker the file does not name."""

LOST_S = 0.25
"""Damaged packets of more audio than this make a sound incomplete."""

STRANGE_S = 1.0
"""Decoding stops after this many seconds in a row at another sample rate."""


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """The outcome of decoding; the same packets always give the same report.

    decoded_samples: length of the audio, in samples of one channel.
    non_finite_samples: samples that were replaced by silence.
    """

    facts: DecodeFacts
    decoded_samples: int
    non_finite_samples: int


class AudioSource:
    """The audio of one open file: ``sound``, ``speakers`` and ``file``, then ``samples`` (once), then ``report``.

    speakers: FFmpeg's name of each channel's speaker; empty where the file names none.
    """

    def __init__(
        self,
        opened: Opened,
        declared: Declared,
        links: "Iterator[tuple[Opened, Iterator[Packet[AudioStream]]]] | None" = None,
    ) -> None:
        """``links``: those of the container, with their packets."""
        self._opened = opened
        self._links = links or ((link, link.packets()) for link in opened.links())
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
        rate, speakers = self._form()
        self.sound = SoundFacts(opened.codec, rate, len(speakers), opened.bit_depth)
        self.speakers = () if NO_SPEAKER in speakers else speakers
        self.file = FileFacts(
            container=opened.kind.name,
            bit_rate_bps=self._bit_rate_bps(declared),
            declared_s=declared.seconds,
            declared_exact=declared.exact,
            cut=declared.cut,
            remarks=list(declared.remarks),
        )

    def _form(self) -> tuple[int, tuple[str, ...]]:
        """The sample rate, and the speaker of each channel."""
        forms = Counter((frame.sample_rate, _speakers(frame)) for frame in self._first)
        rate, speakers = forms.most_common(1)[0][0]
        check_form(rate, len(speakers))
        if NO_SPEAKER in speakers and len(self._opened.speakers) == len(speakers):
            speakers = self._opened.speakers  # as the container names them
        return rate, speakers

    def _bit_rate_bps(self, declared: Declared) -> int | None:
        known = self._opened.stream.codec_context.bit_rate
        if known or not declared.seconds:
            return known or None
        size = sum(
            window.size for window in (self._opened.window, *[later for later, _ in self._opened.later])
        )
        return round(size * 8 / declared.seconds)

    def samples(self) -> Iterator[Float32]:
        """Yield the audio as (n, channels) float32, full scale ±1, finite, in order, ``PIECE_SAMPLES`` at a time.

        Encoder delay and padding are removed. Raises ``FileFault``: ``READ_ERROR``, ``OUT_OF_MEMORY``.
        """
        piece, held = self._empty(PIECE_SAMPLES), 0
        for frame in self._at_one_rate(chain(self._first, self._frames)):
            fits = held + frame.samples <= PIECE_SAMPLES
            part = piece[held : held + frame.samples] if fits else self._empty(frame.samples)
            try:
                self._adapted += fill(part, frame)
            except ValueError:
                self._damaged += 1
                continue
            if fits:
                held += len(part)
                continue
            while len(part):
                room = min(PIECE_SAMPLES - held, len(part))
                piece[held : held + room] = part[:room]
                held, part = held + room, part[room:]
                if held == PIECE_SAMPLES:
                    yield self._clean(piece)
                    piece, held = self._empty(PIECE_SAMPLES), 0
        if held:
            yield self._clean(piece[:held])
        self._finished = True

    @property
    def report(self) -> DecodeReport:
        """What was decoded so far; final once ``samples`` has ended."""
        decoded_s = self._decoded / self.sound.sample_rate_hz
        intact = self._finished and not self._stopped and self._lost_s <= LOST_S
        return DecodeReport(
            DecodeFacts(decoded_s, intact, list(self._warnings())),
            decoded_samples=self._decoded,
            non_finite_samples=self._silenced,
        )

    def close(self) -> None:
        """End the decoding; FFmpeg must not read once its file is closed."""
        self._frames.close()

    def _warnings(self) -> Iterator[str]:
        if self._stopped:
            yield self._stopped
        if self._damaged:
            yield f"damaged packets skipped: {self._damaged}"
        if self._adapted:
            yield f"the number of channels changes; frames adapted: {self._adapted}"
        if self._silenced:
            yield f"samples silenced that were not numbers or far too loud: {self._silenced}"

    def _decode(self) -> Generator[AudioFrame, None, None]:
        for link, packets in self._links:
            yield from self._decode_link(link, packets)

    def _decode_link(
        self, link: Opened, packets: "Iterator[Packet[AudioStream]]"
    ) -> Generator[AudioFrame, None, None]:
        decoder = link.stream.codec_context
        for packet in packets:
            try:
                frames = decoder.decode(packet)
            except (av.FFmpegError, ValueError) as error:
                link.check(error)
                self._damaged += 1
                self._lost_s += float((packet.duration or 0) * packet.time_base)
                continue
            yield from frames
        try:
            yield from decoder.decode(None)
        except (av.FFmpegError, ValueError) as error:
            link.check(error)

    def _at_one_rate(self, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
        """Leave out frames at another sample rate (a damaged header); stop after ``STRANGE_S`` of them."""
        rate = self.sound.sample_rate_hz
        strange_frames = strange_samples = 0
        for frame in frames:
            if frame.sample_rate == rate:
                self._damaged += strange_frames
                strange_frames = strange_samples = 0
                yield frame
                continue
            strange_frames += 1
            strange_samples += frame.samples
            if strange_samples > STRANGE_S * max(rate, frame.sample_rate):
                self._stopped = (
                    f"the sample rate changes from {rate:,} to {frame.sample_rate:,} Hz; "
                    "only the part before was analysed"
                )
                return
        self._damaged += strange_frames

    def _empty(self, samples: int) -> Float32:
        return np.empty((samples, self.sound.channels), np.float32)

    def _clean(self, piece: Float32) -> Float32:
        self._silenced += silence_nonsense(piece)
        self._decoded += len(piece)
        return piece


def _speakers(frame: AudioFrame) -> tuple[str, ...]:
    return tuple(channel.name for channel in frame.layout.channels)


@contextmanager
def open_audio(file: RawFile) -> Iterator[AudioSource]:
    """Open the audio in a file object, which moves but stays open.

    Raises ``FileFault``, any of them, when no audio can be decoded.
    """
    with open_container(file) as opened:
        source = AudioSource(opened, declared_length(opened))
        try:
            yield source
        finally:
            source.close()
