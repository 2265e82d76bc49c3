"""The frames of AC-3 and Enhanced AC-3 (ETSI TS 102 366)."""

HEADER_BYTES = 7
SYNC = b"\x0b\x77"
KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)


def ac3_frame_bytes(head: bytes) -> int | None:
    """The size of a frame of AC-3 by its first seven bytes (4.4.1.4): in units of 16 bits, by rate and sample rate."""
    if len(head) < HEADER_BYTES or head[:2] != SYNC:
        return None
    rate, code = head[4] >> 6, head[4] & 0x3F
    if rate == 3 or code >> 1 >= len(KBPS):
        return None
    kbps = KBPS[code >> 1]
    return (4 * kbps, 2 * (kbps * 320 // 147 + (code & 1)), 6 * kbps)[rate]


def eac3_frame_bytes(head: bytes) -> int | None:
    """The size of a frame of Enhanced AC-3 by its first seven bytes (E.1.3.1.3)."""
    if len(head) < HEADER_BYTES or head[:2] != SYNC:
        return None
    return 2 * (((head[2] & 7) << 8 | head[3]) + 1)
