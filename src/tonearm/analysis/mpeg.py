"""Finds MPEG audio frames, and reads the length that the first one declares."""

from dataclasses import dataclass

RATES_HZ = (44_100, 48_000, 32_000)
KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates by version and layer (ISO/IEC 11172-3, 2.4.2.3, and 13818-3, 2.4.2.3)."""

FRAMES_IN_A_ROW = {1: 12, 2: 3, 3: 3}
"""How many frames must follow one another, by layer: those of Layer I are so short that other data resemble them."""
LAST_TAG_BYTES = 128
FREE_FRAME_BYTES = 4608
"""No frame in free format is longer: 640 kbit/s at 8 kHz, the most that decoders read."""
FREE_SEARCH_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """The four bytes before every frame. ``version`` is 2 for the low sample rates of MPEG-2 and 2.5."""

    version: int
    layer: int
    sample_rate_hz: int
    channels: int
    frame_bytes: int

    @property
    def frame_samples(self) -> int:
        """Samples a channel in one frame."""
        return _frame_samples(self.version, self.layer)

    def alike(self, other: "FrameHeader") -> bool:
        """Whether both can belong to one stream."""
        mine = (self.version, self.layer, self.sample_rate_hz)
        return mine == (other.version, other.layer, other.sample_rate_hz)


def parse_header(head: bytes) -> FrameHeader | None:
    """Read the first four bytes of a frame; ``None`` if they are no header. Free-format streams are not supported."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    halvings = {3: 0, 2: 1, 0: 2}.get(head[1] >> 3 & 3)
    layer = 4 - (head[1] >> 1 & 3)
    rate_index, kbps_index = head[2] >> 2 & 3, head[2] >> 4
    if halvings is None or layer == 4 or rate_index == 3 or kbps_index in (0, 15):
        return None
    version = 2 if halvings else 1
    rate = RATES_HZ[rate_index] >> halvings
    bits = KBPS[version, layer][kbps_index - 1] * 1000
    padding = head[2] >> 1 & 1
    if layer == 1:
        size = (bits * 12 // rate + padding) * 4
    else:
        size = bits * _frame_samples(version, layer) // 8 // rate + padding
    return FrameHeader(version, layer, rate, 1 if head[3] >> 6 == 3 else 2, size)


def _frame_samples(version: int, layer: int) -> int:
    return {1: 384, 2: 1152, 3: 576 if version == 2 else 1152}[layer]


def first_frame(data: bytes, ends: bool) -> int | None:
    """Return the offset of the first of ``FRAMES_IN_A_ROW``, ``None`` if there is no such place.

    ``ends``: the file ends with ``data``; then two frames suffice when they reach its end.
    """
    at = data.find(b"\xff")
    while at >= 0:
        if _frames_follow(data, at, ends):
            return at
        at = data.find(b"\xff", at + 1)
    return None


def info_frame(data: bytes) -> int | None:
    """Return the offset of the first frame that holds a Xing, Info or VBRI header, ``None`` if there is none."""
    at = data.find(b"\xff")
    while at >= 0:
        if declared_samples(data[at : at + 512]) is not None:
            return at
        at = data.find(b"\xff", at + 1)
    return None


def is_free_format(data: bytes) -> bool:
    """Whether frames without a bit rate in their header ("free format") follow one another, all of one size."""
    at = data.find(b"\xff")
    while 0 <= at < FREE_SEARCH_BYTES:
        head = data[at : at + 4]
        if len(head) == 4 and head[1] & 0xE6 >= 0xE2 and head[2] >> 4 == 0 and head[2] >> 2 & 3 != 3:
            again = data.find(head[:2], at + 24, at + FREE_FRAME_BYTES)
            while again >= 0:
                if _alike(head, data, again) and _alike(head, data, 2 * again - at):
                    return True
                again = data.find(head[:2], again + 1, at + FREE_FRAME_BYTES)
        at = data.find(b"\xff", at + 1)
    return False


def _alike(head: bytes, data: bytes, at: int) -> bool:
    """Whether a frame of the same kind is about at an offset; frames differ by a byte of padding."""
    return any(
        data[place : place + 2] == head[:2]
        and data[place + 2 : place + 3]
        and (data[place + 2] ^ head[2]) & 0xFD == 0
        for place in (at - 1, at, at + 1)
    )


def _frames_follow(data: bytes, at: int, ends: bool) -> bool:
    first = parse_header(data[at : at + 4])
    seen = 0
    while first and (header := parse_header(data[at : at + 4])) and header.alike(first):
        seen += 1
        at += header.frame_bytes
        if seen == FRAMES_IN_A_ROW[first.layer]:
            return True
    return ends and seen > 1 and at >= len(data) - LAST_TAG_BYTES


def declared_samples(frame: bytes) -> int | None:
    """Return the samples a channel that the first frame's Xing, Info or VBRI header promises, if it has one.

    Encoder delay and padding of a LAME header are subtracted, as the decoder does. Sources: the Xing header
    as written by LAME ("Mp3 Info Tag rev 1"), and Fraunhofer's VBRI header.
    """
    header = parse_header(frame[:4])
    if header is None or header.layer != 3:
        return None
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return int.from_bytes(frame[50:54], "big") * header.frame_samples
    side = {(1, 2): 32, (1, 1): 17, (2, 2): 17, (2, 1): 9}[header.version, header.channels]
    xing = frame[4 + side :]
    if xing[:4] not in (b"Xing", b"Info") or len(xing) < 12 or not xing[7] & 1:
        return None
    return int.from_bytes(xing[8:12], "big") * header.frame_samples - _lame_trim(xing)


def _lame_trim(xing: bytes) -> int:
    """Samples of encoder delay and padding: 12 bits each, 21 bytes into the LAME part that follows the Xing part."""
    flags = xing[7]
    lame = 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    trim = xing[lame + 21 : lame + 24]
    if xing[lame : lame + 4] not in (b"LAME", b"Lavf", b"Lavc") or len(trim) < 3:
        return 0
    return (trim[0] << 4 | trim[1] >> 4) + ((trim[1] & 15) << 8 | trim[2])
