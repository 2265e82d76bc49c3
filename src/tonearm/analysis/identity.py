"""Who a piece of audio is: a hash of its encoded packets, the same under any name and with any tags."""

import hashlib
from dataclasses import dataclass

from tonearm.analysis.container import Opened, open_container
from tonearm.analysis.window import RawFile
from tonearm.errors import Fault, FileFault

DIGEST_BYTES = 16
PERSON = b"tonearm audio 1"


@dataclass(frozen=True, slots=True)
class AudioIdentity:
    """``hash`` in hex; the number of packets, their bytes and, where the container tells, their seconds."""

    hash: str
    packets: int
    audio_bytes: int
    packets_s: float


def audio_hash(file: RawFile) -> str:
    """Return the hash of a file's audio, 32 hex digits; see ``identify``."""
    return identify(file).hash


def identify(file: RawFile) -> AudioIdentity:
    """Read all packets without decoding them.

    Codec, sample rate, channels, the form of PCM samples, the output gain of Opus and the packets' bytes enter;
    tags, pictures, the container's layout and the borders of the packets don't. Raises ``FileFault``, also
    ``NO_SAMPLES`` when there is no packet.
    """
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES, person=PERSON)
    packets = audio_bytes = duration = 0
    with open_container(file, ignore_editlist="1") as opened:
        context = opened.stream.codec_context
        digest.update(f"{_form(opened)} {context.sample_rate} {context.channels}\n".encode())
        for packet in opened.packets():
            digest.update(packet)
            packets += 1
            audio_bytes += packet.size
            duration += packet.duration or 0
        if not packets:
            raise FileFault(Fault.NO_SAMPLES)
        seconds = float(duration * (opened.stream.time_base or 0))
    return AudioIdentity(digest.hexdigest(), packets, audio_bytes, seconds)


def _form(opened: Opened) -> str:
    """What the packets are read as: PCM with its width, byte order and kind of number (``pcm_s16le``), Opus with
    an output gain that its header asks for (RFC 7845, 5.1)."""
    context = opened.stream.codec_context
    if opened.codec == "pcm":
        return context.name
    if opened.codec == "opus":
        gain = int.from_bytes((context.extradata or b"")[16:18], "little", signed=True)
        return f"opus {gain}" if gain else "opus"
    return opened.codec
