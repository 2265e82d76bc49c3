"""Numbers of seven bits a byte, the form of sizes in ID3v2 (ID3v2.4.0 structure, 6.2)."""


def syncsafe(data: bytes) -> int:
    """The value of some bytes, usually four."""
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
    return value


def is_syncsafe(data: bytes) -> bool:
    """Whether no byte uses its highest bit."""
    return max(data, default=0) < 0x80


def syncsafe_bytes(value: int) -> bytes:
    """A number below 2**28 as four bytes."""
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))
