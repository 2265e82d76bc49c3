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
from tonearm.library.file_contents import IDENTITY_VERSION

DIGEST_BYTES = 16
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
    whole = hashlib.blake2b(digest_size=DIGEST_BYTES, person=PERSON)
    packets = audio_bytes = failed_reads = 0
    seconds = 0.0
    with open_container(file) as opened:
        for link in opened.links():
            hashed = _Link(link)
            hashed.read(link.packets())
            whole.update(hashed.digest())
            packets += hashed.packets
            audio_bytes += hashed.audio_bytes
            seconds += float(hashed.duration * (link.stream.time_base or 0))
            failed_reads += link.failed_reads if link is not opened else 0
        failed_reads += opened.failed_reads
    if not packets:
        raise FileFault(Fault.NO_SAMPLES)
    return AudioIdentity(whole.hexdigest(), packets, audio_bytes, seconds, failed_reads)


class _Link:
    """The hash of one link: its decoder's setup, its packets, and what is dropped of them."""

    def __init__(self, opened: Opened) -> None:
        self._setup = decoder_setup(opened)
        self._framed = opened.codec != "pcm"
        self._data = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._dropped = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self.packets = self.audio_bytes = self.duration = 0

    def read(self, packets: "Iterator[Packet[AudioStream]]") -> None:
        """Take all packets. There are thousands: what is done for each decides how long identifying takes."""
        update, framed = self._data.update, self._framed
        count = audio_bytes = duration = 0
        for packet in packets:
            size = packet.size
            if framed:
                update(size.to_bytes(4, "little"))
            update(packet)
            if packet.is_discard:
                self._dropped.update(b"%d:%d;" % (audio_bytes, size))
            for more in packet.iter_sidedata():  # far faster than asking each packet for it by name
                if more.data_type == "skip_samples":
                    skipped = bytes(more)[:8]  # at its start, at its end
                    self._dropped.update(b"%d+%b;" % (audio_bytes, skipped))
            count += 1
            audio_bytes += size
            duration += packet.duration or 0
        self.packets, self.audio_bytes, self.duration = count, audio_bytes, duration

    def digest(self) -> bytes:
        """Return the hash over everything taken so far."""
        link = hashlib.blake2b(self._setup, digest_size=DIGEST_BYTES)
        link.update(self._data.digest())
        link.update(self._dropped.digest())
        return link.digest()
