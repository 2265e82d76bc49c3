"""The identity that the previous version of ``identity.py`` gave a sound, by which its results are found again.

That version hashed the format and the packets of the first link alone, those that an edit list cuts off too. Files that
differ in what is dropped of their packets, or in the setup of their decoder, had one identity.
"""

import hashlib

from tonearm.analysis.container import Opened, open_container
from tonearm.analysis.file_window import RawFile
from tonearm.analysis.identity import DIGEST_BYTES
from tonearm.library.content_versions import IDENTITY_VERSION


def former_hash(file: RawFile) -> str:
    """Return the hash of a file's audio by the previous version, 32 hexadecimal digits. Raises ``FileFault``."""
    person = f"tonearm audio {IDENTITY_VERSION - 1}".encode()
    whole = hashlib.blake2b(digest_size=DIGEST_BYTES, person=person)
    with open_container(file, edited=False) as opened:
        context = opened.stream.codec_context
        whole.update(f"{_form(opened)} {context.sample_rate} {context.channels}\n".encode())
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
