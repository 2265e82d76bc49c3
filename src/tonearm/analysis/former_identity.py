"""The identities that previous versions of ``identity.py`` gave a sound, by which its results are found again.

The first version hashed the format and the packets of the first link alone, those that an edit list cuts off too. Files
that differ in what is dropped of their packets, or in the setup of their decoder, had one identity. The second version
differs from the present one in the hash function alone.
"""

import hashlib
from functools import partial

from tonearm.analysis.container import Opened, open_container
from tonearm.analysis.file_window import RawFile
from tonearm.analysis.identity import Hashing, identify

_BLAKE2 = partial(hashlib.blake2b, digest_size=16)
_SECOND = Hashing(partial(_BLAKE2, person=b"tonearm audio 2"), _BLAKE2)


def former_hash(file: RawFile, version: int) -> str:
    """Return the hash of a file's audio by a previous version, 32 hexadecimal digits. Raises ``FileFault``."""
    return _first_hash(file) if version == 1 else identify(file, _SECOND).hash


def _first_hash(file: RawFile) -> str:
    whole = _BLAKE2(person=b"tonearm audio 1")
    with open_container(file, edited=False) as opened:
        context = opened.stream.codec_context
        whole.update(f"{_form(opened)} {context.sample_rate} {len(opened.speakers)}\n".encode())
        for packet in opened.packets():
            whole.update(packet)
    return whole.hexdigest()


def _form(opened: Opened) -> str:
    """The format: of PCM with width, byte order and kind of number, of Opus with an output gain (RFC 7845, 5.1)."""
    context = opened.stream.codec_context
    if opened.codec == "pcm":
        return context.name
    if opened.codec == "opus":
        gain = int.from_bytes((context.extradata or b"")[16:18], "little", signed=True)
        return f"opus {gain}" if gain else "opus"
    return opened.codec
