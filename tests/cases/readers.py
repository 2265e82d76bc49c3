"""Differences that are the fault of another reader: which file, why, and what must hold for that to be so."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Texts = Mapping[str, Sequence[str]]
"""What was written, by the name of the tag."""
CONTAINERS = {b"moov", b"udta", b"trak", b"mdia", b"minf", b"stbl", b"meta", b"ilst"}
MOVED = {b"stco", b"co64"}
"""Places of samples: they differ when what is in front of them grows; that the samples are the same shows them right."""


OUR_LIST = "/moov/udta/meta/hdlr"
"""The beginning of the list of tags that a file gets which has none of this kind."""


@dataclass(frozen=True)
class Explained:
    """Why a reader sees something else. proves: whether two files and what was written bear that out."""

    reader: str
    reason: str
    proves: Callable[[bytes, bytes, Texts], bool]


def leaves(
    data: bytes, at: int = 0, end: int | None = None, path: bytes = b""
) -> Iterator[tuple[str, bytes]]:
    """The boxes of an MP4 file that hold no others, with what is in them; items of tags by their names."""
    end = len(data) if end is None else end
    while at + 8 <= end:
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        stop = at + size if size >= 8 else end
        whole, body = path + b"/" + name, at + 8
        if name == b"meta" and data[body + 4 : body + 8] != b"hdlr":
            body += 4  # the version
        if name in CONTAINERS:
            yield from leaves(data, body, stop, whole)
        elif path.endswith(b"/ilst"):
            yield _item(name, data[body:stop]), data[body:stop]
        elif name not in {b"free", b"skip"}:
            yield whole.decode("latin-1"), b"" if name in MOVED else data[body:stop]
        at = stop


def _item(name: bytes, body: bytes) -> str:
    if name != b"----":
        return name.decode("latin-1")
    mean = int.from_bytes(body[:4], "big")
    length = int.from_bytes(body[mean : mean + 4], "big")
    return f"----:{body[12:mean].decode()}:{body[mean + 12 : mean + length].decode()}"


def only_ours_differ(before: bytes, after: bytes, texts: Texts) -> bool:
    """Whether an MP4 file has what was written, and else all that it had, byte for byte and in its order."""
    old, new = list(leaves(before)), list(leaves(after))
    if not any(name == OUR_LIST for name, _ in old):
        new = [each for each in new if each[0] != OUR_LIST]
    has_all = all(
        any(key == name and _says(body, text) for key, body in new) for name, (text,) in texts.items()
    )
    return has_all and [each for each in old if each[0] not in texts] == [
        each for each in new if each[0] not in texts
    ]


def _says(body: bytes, text: str) -> bool:
    return body.endswith(text.encode()) or (
        text.isdecimal() and int.from_bytes(body[16:], "big") == int(text)
    )


def comments(data: bytes) -> list[bytes]:
    """The comments of an Ogg Vorbis file whose comments are in one page."""
    at = data.index(b"\x03vorbis") + 7
    at += 4 + int.from_bytes(data[at : at + 4], "little")
    count = int.from_bytes(data[at : at + 4], "little")
    at += 4
    found = []
    for _ in range(count):
        size = int.from_bytes(data[at : at + 4], "little")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def ours_follow(before: bytes, after: bytes, texts: Texts) -> bool:
    """Whether an Ogg Vorbis file has its comments in their order, and those that were written behind them."""
    old, new = comments(before), comments(after)
    ours = {f"{name}={text}".encode() for name, (text,) in texts.items()}
    return new[: len(old)] == old and set(new[len(old) :]) == ours


_NO_VERSION = Explained(
    "mutagen",
    "it finds no tags in nor behind a box `meta` without a version, as QuickTime writes it",
    only_ours_differ,
)
EXPLAINED = {
    "quicktime-tags/mdta.m4a": _NO_VERSION,
    "quicktime-tags/mdta-short-names.m4a": _NO_VERSION,
    "mp4-meta-without-version/none.m4a": _NO_VERSION,
    "ogg-comments-damaged/no-framing-bit-vorbis.ogg": Explained(
        "ffprobe",
        "it leaves out the last comment where the bit behind the comments is not set",
        ours_follow,
    ),
}
"""By the path of the case."""
