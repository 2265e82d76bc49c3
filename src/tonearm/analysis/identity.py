"""The identity of a sound: a hash of the input of its decoder, which does not depend on file name or tags.

FFmpeg's decoders are deterministic, so equal input means equal samples. A decoder is given its settings, the packets,
and for each packet how many samples to drop and whether to drop it whole. Edit lists (MP4), gapless trims (LAME, Xing,
iTunSMPB) and the pre-skip of Opus reach it in no other form.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from av.audio.stream import AudioStream
from av.packet import Packet

from tonearm.analysis.container import Opened, open_container
from tonearm.analysis.decoder_setup import decoder_setup
from tonearm.analysis.file_window import RawFile
from tonearm.errors import Fault, FileFault
from tonearm.library.content_versions import IDENTITY_VERSION

DIGEST_BYTES = 16
HELD = 64
"""Number of pieces that are hashed together, as each call takes longer than the hash of a short packet."""
PERSON = f"tonearm audio {IDENTITY_VERSION}".encode()


@dataclass(frozen=True, slots=True)
class AudioIdentity:
    """The identity of a file's audio.

    hash: 32 hexadecimal digits.
    packets, audio_bytes, packets_s: how many packets, bytes in them, and seconds, where the container says.
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


def identify(file: RawFile) -> AudioIdentity:
    """Read all packets of all links without decoding them.

    Tags, pictures, the layout of the container and, for PCM, the borders of packets do not change the hash. Raises
    ``FileFault``, also ``NO_SAMPLES`` when there is no packet.
    """
    with open_container(file) as opened:
        return HashedAudio(opened).identity()


class HashedAudio:
    """The links of an open container, whose packets are hashed when they are read."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._whole = hashlib.blake2b(digest_size=DIGEST_BYTES, person=PERSON)
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
            self._whole.hexdigest(), self._packets, self._audio_bytes, self._seconds, failed_reads
        )

    def _links(self) -> "Iterator[tuple[Opened, Iterator[Packet[AudioStream]]]]":
        for link in self._opened.links():
            hashed = _Link(link)
            packets = hashed.packets()
            yield link, packets
            for _ in packets:
                pass
            self._whole.update(hashed.digest())
            self._packets += hashed.count
            self._audio_bytes += hashed.audio_bytes
            self._seconds += float(hashed.duration * (link.stream.time_base or 0))
            self._failed_reads += link.failed_reads if link is not self._opened else 0


class _Link:
    """The hash of one link: its decoder's setup, its packets, and what is dropped of them."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._setup = decoder_setup(opened)
        self._framed = opened.codec != "pcm"
        self._data = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._dropped = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._held: list[bytes | Packet[AudioStream]] = []
        self.count = self.duration = self.audio_bytes = 0

    def packets(self) -> "Iterator[Packet[AudioStream]]":
        """Yield the packets, after they were taken into the hash."""
        for packet in self._opened.packets():
            size = packet.size
            if self._framed:
                self._held.append(size.to_bytes(4, "little"))
            self._held.append(packet)
            if packet.is_discard:
                self._dropped.update(b"%d:%d;" % (self.audio_bytes, size))
            for data in packet.iter_sidedata():
                if data.data_type == "skip_samples":
                    skipped = bytes(data)[:8]  # at its start, at its end
                    self._dropped.update(b"%d+%b;" % (self.audio_bytes, skipped))
            self.count += 1
            self.duration += packet.duration or 0
            self.audio_bytes += size
            if len(self._held) >= HELD:
                self._hash_held()
            yield packet

    def _hash_held(self) -> None:
        self._data.update(b"".join(self._held))
        self._held.clear()

    def digest(self) -> bytes:
        """Return the hash over everything taken so far."""
        self._hash_held()
        link = hashlib.blake2b(self._setup, digest_size=DIGEST_BYTES)
        link.update(self._data.digest())
        link.update(self._dropped.digest())
        return link.digest()
