"""Tells audio that is encrypted, as shops sold it: what a decoder makes of it is noise, or nothing."""

from uuid import UUID

from tonearm.analysis.boxes import sample_entries
from tonearm.analysis.file_window import Window
from tonearm.analysis.kinds import ASF, MP4, ContainerFormat

ENTRIES = (b"drms", b"enca", b"aavd")
"""Sample entries of MP4: of Apple's FairPlay, of ISO/IEC 14496-12 (8.12), and of Audible."""
ASF_OBJECTS = tuple(
    UUID(name).bytes_le
    for name in ("2211B3FB-BD23-11D2-B4B7-00A0C955FC6E", "298AE614-2622-4C17-B935-DAE07EE9289C")
)
"""Content encryption and extended content encryption (Advanced Systems Format, 3.14 and 3.15)."""
ASF_HEADER_BYTES = 1 << 20
ASF_HEADER_START = 30


def is_encrypted(kind: ContainerFormat, window: Window, track: int) -> bool:
    """Whether the audio is encrypted. ``track``: the number of its track in MP4. Raises ``OSError``."""
    if kind is MP4:
        return any(name in ENTRIES for name in sample_entries(window, track))
    return kind is ASF and any(name in ASF_OBJECTS for name in _asf_objects(window))


def _asf_objects(window: Window) -> list[bytes]:
    """The identifiers of the objects in the header."""
    size = int.from_bytes(window.part(16, 8), "little")
    header = window.part(0, min(size, ASF_HEADER_BYTES))
    at, found = ASF_HEADER_START, []
    while at + 24 <= len(header):
        found.append(header[at : at + 16])
        at += max(24, int.from_bytes(header[at + 16 : at + 24], "little"))
    return found
