"""The identity of a sound: a hash of the input of its decoder, which does not depend on file name or tags.

FFmpeg's decoders are deterministic, so equal input means equal samples. A decoder is given its settings, the packets,
and for each packet how many samples to drop and whether to drop it whole. Edit lists (MP4), gapless trims (LAME, Xing,
iTunSMPB) and the pre-skip of Opus reach it in no other form.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from av.audio.stream import AudioStream
from av.packet import Packet

from tonearm.analysis.container import Opened, open_container
from tonearm.analysis.decoder_setup import decoder_setup
from tonearm.analysis.file_window import RawFile, Window, os_reason
from tonearm.analysis.pcm_data import pcm_data, pieces
from tonearm.errors import Fault, FileFault
from tonearm.library.content_versions import IDENTITY_VERSION

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

HASH_DIGITS = 32


class Hash(Protocol):
    """The part of a hash of ``hashlib`` that is used."""

    def update(self, data: "ReadableBuffer", /) -> None: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Hashing:
    """The hash of a version of the identity. whole, part: begin the hash of all links, and of a part of one."""

    whole: Callable[[], Hash]
    part: Callable[[], Hash]


_SHA256 = partial(hashlib.sha256, usedforsecurity=False)
PRESENT = Hashing(partial(_SHA256, f"tonearm audio {IDENTITY_VERSION}\n".encode()), _SHA256)
"""Processors have instructions for SHA-256, which make it the fastest of the sound ones."""


@dataclass(frozen=True, slots=True)
class AudioIdentity:
    """The identity of a file's audio.

    hash: 32 hexadecimal digits.
    packets, audio_bytes, packets_s: how many packets, of samples in WAV and AIFF those that were read; bytes in all of
    them, and seconds, where the container says.
    failed_reads: places in the container that could not be read.
    """

    hash: str
    packets: int
    audio_bytes: int
    packets_s: float
    failed_reads: int

    @property
    def bit_rate_bps(self) -> int | None:
        """Bits a second of the audio alone, without tags, pictures and padding; ``None`` where it has no length."""
        return round(self.audio_bytes * 8 / self.packets_s) if self.packets_s > 0 else None


def audio_hash(file: RawFile) -> str:
    """Return the hash of a file's audio, 32 hexadecimal digits; see ``identify``."""
    return identify(file).hash


def identify(file: RawFile, hashing: Hashing = PRESENT) -> AudioIdentity:
    """Read all packets of all links without decoding them.

    Tags, pictures, the layout of the container and, for PCM, the borders of packets do not change the hash. Raises
    ``FileFault``, also ``NO_SAMPLES`` when there is no packet.
    """
    with open_container(file) as opened:
        return HashedAudio(opened, hashing).identity()


class HashedAudio:
    """The links of an open container, whose packets are hashed when they are read."""

    def __init__(self, opened: Opened, hashing: Hashing = PRESENT) -> None:
        self._opened = opened
        self._hashing = hashing
        self._whole = hashing.whole()
        self._packets = self._audio_bytes = self._failed_reads = 0
        self._seconds = 0.0
        self.links = self._links()
        """Each link with its packets, to be iterated once. Packets that are left are read before the next link."""

    def identity(self) -> AudioIdentity:
        """Read what is left. Raises ``FileFault``, also ``NO_SAMPLES`` when there was no packet."""
        for _ in self.links:
            pass  # the packets are hashed before the next link
        if not self._packets:
            raise FileFault(Fault.NO_SAMPLES)
        failed_reads = self._failed_reads + self._opened.failed_reads
        return AudioIdentity(
            self._whole.hexdigest()[:HASH_DIGITS],
            self._packets,
            self._audio_bytes,
            self._seconds,
            failed_reads,
        )

    def _links(self) -> "Iterator[tuple[Opened, Iterator[Packet[AudioStream]]]]":
        for link in self._opened.links():
            hashed = _link_of(link, self._hashing)
            yield link, hashed.packets
            hashed.finish()
            self._whole.update(hashed.digest())
            self._packets += hashed.count
            self._audio_bytes += hashed.audio_bytes
            self._seconds += hashed.seconds
            self._failed_reads += link.failed_reads if link is not self._opened else 0


def _link_of(opened: Opened, hashing: Hashing) -> "_Link | _Samples":
    try:
        data = pcm_data(opened)
    except OSError as error:
        raise FileFault(Fault.READ_ERROR, os_reason(error)) from error
    return _Link(opened, hashing) if data is None else _Samples(opened, hashing, data)


class _Link:
    """The hash of one link: its decoder's setup, its packets, and what is dropped of them."""

    def __init__(self, opened: Opened, hashing: Hashing) -> None:
        self._opened = opened
        self._setup = decoder_setup(opened)
        self._framed = opened.codec != "pcm"
        self._link, self._data, self._dropped = (hashing.part() for _ in range(3))
        self._duration = self.count = self.audio_bytes = 0
        self.packets = self._packets()
        """The packets, each after it was taken into the hash."""

    def _packets(self) -> "Iterator[Packet[AudioStream]]":
        take, framed = self._data.update, self._framed
        for packet in self._opened.packets():
            size = packet.size
            if framed:
                take(size.to_bytes(4, "little"))
            take(packet)
            if packet.is_discard:
                self._dropped.update(b"%d:%d;" % (self.audio_bytes, size))
            for data in packet.iter_sidedata():
                if data.data_type == "skip_samples":
                    skipped = bytes(data)[:8]  # at its start, at its end
                    self._dropped.update(b"%d+%b;" % (self.audio_bytes, skipped))
            self.count += 1
            self._duration += packet.duration or 0
            self.audio_bytes += size
            yield packet

    def finish(self) -> None:
        """Take the packets that are left. Raises ``FileFault``."""
        for _ in self.packets:
            pass

    @property
    def seconds(self) -> float:
        """The length of the packets so far."""
        return float(self._duration * (self._opened.stream.time_base or 0))

    def digest(self) -> bytes:
        """Return the hash over everything taken so far."""
        self._link.update(self._setup)
        self._link.update(self._data.digest())
        self._link.update(self._dropped.digest())
        return self._link.digest()


class _Samples(_Link):
    """The same hash of uncompressed samples, which are taken where they lie: packets divide them anyhow, and only those
    that a caller wants are read, the first of them at least.
    """

    def __init__(self, opened: Opened, hashing: Hashing, data: Window) -> None:
        super().__init__(opened, hashing)
        self._samples = data
        self._first_bytes = 0

    def _packets(self) -> "Iterator[Packet[AudioStream]]":
        for packet in self._opened.packets():
            if not self.count:
                self._first_bytes, self._duration = packet.size, packet.duration or 0
            self.count += 1
            yield packet

    def finish(self) -> None:
        """Take all samples. Raises ``FileFault``."""
        if not self.count and next(self.packets, None) is None:
            return
        try:
            for piece in pieces(self._samples):
                self._data.update(piece)
                self.audio_bytes += len(piece)
        except OSError as error:
            raise FileFault(Fault.READ_ERROR, os_reason(error)) from error
        self._duration = self._duration * self.audio_bytes // self._first_bytes
