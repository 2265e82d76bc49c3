"""MP4 and QuickTime files: edit lists, boxes as old and careless programs write them, chapters."""

import struct
from functools import cache, partial

from tests import material
from tests.cases.case import Case, Kind
from tests.tag_bytes import box, comments, flac_with, frame, id3v2, listed, mp4_with, text
from tests.unit.analysis.test_identity import remuxed

EDITS = Kind("mp4-edit-lists", "mozilla/mp4parse-rust#404, MediaArea/MediaInfo#373")
START = Kind("mp4-without-a-beginning", "QuickTime File Format, File Type Compatibility Atom")
NAMED = Kind("quicktime-tags", "HandBrake/HandBrake#855, QuickTime File Format, Metadata")
META = Kind("mp4-meta-without-version", "taglib/taglib#1042, Sohex/musefs#543")
CHAPTERS = Kind("chapters-hide-nothing", "tinytag/tinytag#34, aadsm/jsmediatags#46")
TWINS = Kind("same-packets-other-container", "tinytag/tinytag#237, RFC 7845, 4.5")

FRAGMENTS = Kind("mp4-in-fragments", "ISO/IEC 14496-12, 8.8: movie fragments, whose number no header tells")

FOUR = {"duration_s": (4.0, 0.06)}
SONG = {"title": "Song", "artist": "Band", **FOUR}
CUT_LETTER = "Größe".encode()[:3]
"""Text that ends inside a letter."""


def m4a(*boxes: bytes) -> bytes:
    """A file with some boxes at the end of its index."""
    return mp4_with(material.index_last(), *boxes)


def handler(kind: bytes) -> bytes:
    """Says what a list of items is."""
    return box(b"hdlr", bytes(8), kind, b"appl" if kind == b"mdir" else bytes(4), bytes(9))


ITEMS = listed(b"\xa9nam", b"Song") + listed(b"\xa9ART", b"Band")


def itunes(items: bytes = ITEMS, version: bytes = bytes(4), head: bytes | None = None) -> bytes:
    """The list of iTunes; with or without the version of its box, and with another box in front."""
    return box(
        b"udta", box(b"meta", version, handler(b"mdir") if head is None else head, box(b"ilst", items))
    )


def keyed(*pairs: tuple[bytes, bytes], version: bytes = b"", kind: bytes = b"mdta") -> bytes:
    """QuickTime's items with names."""
    keys = box(b"keys", struct.pack(">II", 0, len(pairs)), *[box(kind, key) for key, _ in pairs])
    items = [listed(struct.pack(">I", number), value) for number, (_, value) in enumerate(pairs, 1)]
    return box(b"meta", version, handler(b"mdta"), keys, box(b"ilst", *items))


QUICKTIME = ((b"com.apple.quicktime.title", b"Song"), (b"com.apple.quicktime.artist", b"Band"))


def user(*pairs: tuple[bytes, bytes], language: int = 0) -> bytes:
    """QuickTime's user data."""
    return box(b"udta", *[box(key, struct.pack(">HH", len(value), language), value) for key, value in pairs])


def three_gp(*pairs: tuple[bytes, bytes]) -> bytes:
    """User data of 3GPP (TS 26.244, 8)."""
    return box(
        b"udta", *[box(key, bytes(4), struct.pack(">H", 0x15C7), value + b"\0") for key, value in pairs]
    )


def nero(*titles: bytes) -> bytes:
    """Nero's chapters."""
    body = b"".join(struct.pack(">QB", n * 10**7, len(title)) + title for n, title in enumerate(titles))
    return box(b"chpl", struct.pack(">IIB", 0x01000000, 0, len(titles)), body)


def chap(title: bytes, number: int = 0) -> bytes:
    """A chapter of ID3."""
    return frame("CHAP", b"c%d\0" % number + bytes(8) + b"\xff" * 8 + frame("TIT2", title))


@cache
def first_box(name: bytes) -> bytes:
    """A file that begins with a box of this name instead of its type; the places of the audio are moved along."""
    data = material.index_last()
    size = int.from_bytes(data[:4], "big")
    return struct.pack(">I", size) + name + data[8:]


def trimmed(seconds: float, name: str = "aac") -> bytes:
    """A file of which only so many seconds are to be played."""
    data = material.good(name)
    at = data.index(b"elst") + 12
    scale = int.from_bytes(data[(mvhd := data.index(b"mvhd")) + 16 : mvhd + 20], "big")
    return data[:at] + struct.pack(">I", round(seconds * scale)) + data[at + 4 :]


def moov_first(name: str = "aac") -> bytes:
    """A file without the box of its type, whose index is in front."""
    data = material.good(name)
    at = data.index(b"moov") - 4
    return struct.pack(">I", at) + b"wide" + bytes(at - 8) + data[at:]


@cache
def in_fragments() -> bytes:
    """A file of eight fragments, as cameras and streaming services write them."""
    options = (("movflags", "frag_keyframe+empty_moov"), ("frag_duration", "500000"))
    form = material.Format("m4a", "mp4", "aac", bit_rate_bps=128_000, muxer_options=options)
    return material.encode_as(material.music(4.0), form)


def with_chapters(*extra: bytes) -> bytes:
    """A file with chapters beside its tags."""
    inside = itunes()[8:]
    return m4a(box(b"udta", *extra, inside))


# fmt: off
CASES = (
    Case(EDITS, "aac-whole.m4a", lambda: material.edited("aac", 0), FOUR),
    Case(EDITS, "aac-from-1s.m4a", lambda: material.edited("aac", 44_100), {"duration_s": (3.0, 0.06), "decoded_s": (3.0, 0.06), "remark": "its edit list plays 3.0 s of the 4.0 s"}),
    Case(EDITS, "aac-from-3s.m4a", lambda: material.edited("aac", 132_300), {"duration_s": (1.0, 0.06), "decoded_s": (1.0, 0.06)}),
    Case(EDITS, "alac-from-1s.m4a", lambda: material.edited("alac", 44_100), {"duration_s": (3.0, 0.06), "decoded_s": (3.0, 0.06), "remark": "its edit list plays 3.0 s of the 4.0 s"}),
    Case(EDITS, "aac-first-2s.m4a", lambda: trimmed(2.0), {"duration_s": (2.0, 0.06), "decoded_s": (2.0, 0.06)}),
    Case(EDITS, "alac-first-2s.m4a", lambda: trimmed(2.0, "alac"), {"duration_s": (2.0, 0.06), "decoded_s": (2.0, 0.1)}),
    Case(START, "free.m4a", lambda: first_box(b"free"), FOUR),
    Case(START, "skip.m4a", lambda: first_box(b"skip"), FOUR),
    Case(START, "wide.m4a", lambda: first_box(b"wide"), FOUR),
    Case(START, "moov.m4a", moov_first, FOUR),
    Case(START, "id3-first.m4a", lambda: id3v2(frame("TIT2", text("Song"))) + m4a(), {**FOUR, "title": "Song"}),
    Case(START, "other-brand.m4b", lambda: material.index_last().replace(b"ftypM4A ", b"ftypqt  ", 1), FOUR),
    Case(NAMED, "mdta.m4a", lambda: m4a(keyed(*QUICKTIME)), SONG),
    Case(NAMED, "mdta-with-version.m4a", lambda: m4a(keyed(*QUICKTIME, version=bytes(4))), SONG),
    Case(NAMED, "mdta-in-udta.m4a", lambda: m4a(box(b"udta", keyed(*QUICKTIME))), SONG),
    Case(NAMED, "mdta-short-names.m4a", lambda: m4a(keyed((b"title", b"Song"), (b"artist", b"Band"))), SONG),
    Case(NAMED, "udta.m4a", lambda: m4a(user((b"\xa9nam", b"Song"), (b"\xa9ART", b"Band"))), SONG),
    Case(NAMED, "udta-unicode.m4a", lambda: m4a(user((b"\xa9nam", "Größe".encode()), (b"\xa9ART", b"Band"), language=0x55C4)), {**SONG, "title": "Größe"}),
    Case(NAMED, "udta-mac-roman.m4a", lambda: m4a(user((b"\xa9nam", "Café".encode("mac-roman")), (b"\xa9ART", b"Band"))), {**SONG, "title": "Café"}),
    Case(NAMED, "3gp.m4a", lambda: m4a(three_gp((b"titl", b"Song"), (b"perf", b"Band"))), SONG),
    Case(META, "none.m4a", lambda: m4a(itunes(version=b"")), SONG),
    Case(META, "there.m4a", lambda: m4a(itunes()), SONG),
    Case(META, "free-in-front.m4a", lambda: m4a(itunes(version=b"", head=box(b"free", bytes(20)) + handler(b"mdir"))), SONG),
    Case(META, "no-handler.m4a", lambda: m4a(itunes(head=b"")), SONG),
    Case(META, "no-handler-no-version.m4a", lambda: m4a(itunes(version=b"", head=b"")), SONG),
    Case(META, "list-first.m4a", lambda: m4a(box(b"udta", box(b"meta", bytes(4), box(b"ilst", ITEMS), handler(b"mdir")))), SONG),
    Case(META, "beside-udta.m4a", lambda: m4a(box(b"meta", bytes(4), handler(b"mdir"), box(b"ilst", ITEMS))), SONG),
    Case(CHAPTERS, "nero-cut-letter.m4b", lambda: with_chapters(nero(CUT_LETTER, b"Two")), SONG),
    Case(CHAPTERS, "nero-count-wrong.m4b", lambda: with_chapters(box(b"chpl", struct.pack(">IIB", 0x01000000, 0, 200))), SONG),
    Case(CHAPTERS, "item-cut-letter.m4b", lambda: m4a(itunes(listed(b"\xa9cmt", CUT_LETTER) + ITEMS)), SONG),
    Case(CHAPTERS, "item-too-long.m4b", lambda: m4a(itunes(ITEMS + struct.pack(">I", 5000) + b"\xa9alb" + bytes(8))), {**SONG, "album": None}),
    Case(CHAPTERS, "id3-cut-letter.mp3", lambda: (id3v2(chap(b"\x03" + CUT_LETTER), frame("TIT2", text("Song")), frame("TPE1", text("Band"))) + material.good("mp3")), SONG),
    Case(CHAPTERS, "id3-cut-utf16.mp3", lambda: (id3v2(chap(b"\x01\xff\xfeA"), frame("TIT2", text("Song")), frame("TPE1", text("Band"))) + material.good("mp3")), SONG),
    Case(CHAPTERS, "id3-600-first.mp3", lambda: (id3v2(*[chap(text(f"C{n}"), n) for n in range(600)], frame("TIT2", text("Song")), frame("TPE1", text("Band"))) + material.good("mp3")), {**SONG, "says": "were left out"}),
    Case(CHAPTERS, "vorbis.flac", lambda: flac_with(material.good("flac"), (4, comments([b"CHAPTER001NAME=" + CUT_LETTER, b"TITLE=Song", b"ARTIST=Band"]))), SONG),
    Case(TWINS, "unmarked.opus", lambda: material.ogg_without_end_mark("opus"), {**FOUR, "container": "ogg", "remark": "its last page"}),
    Case(TWINS, "healthy.opus", lambda: material.good("opus"), {**FOUR, "container": "ogg"}),
    Case(TWINS, "same.m4a", lambda: remuxed(material.ogg_without_end_mark("opus"), "mp4"), {**FOUR, "container": "mp4"}),
    Case(TWINS, "same.webm", lambda: remuxed(material.good("opus"), "webm"), {**FOUR, "container": "matroska"}),
    Case(TWINS, "flac.mka", lambda: remuxed(material.good("flac"), "matroska"), {**FOUR, "container": "matroska"}),
    Case(TWINS, "vorbis.mka", lambda: remuxed(material.good("vorbis"), "matroska"), {**FOUR, "container": "matroska"}),
    Case(NAMED, "udta-track.m4a", lambda: m4a(user((b"\xa9nam", b"Song"), (b"\xa9ART", b"Band"), (b"\xa9trk", b"3/9"))), {**SONG, "track": 3}),
    Case(NAMED, "3gp-year.m4a", lambda: m4a(box(b"udta", box(b"yrrc", bytes(4), b"\x07\xce"))), {"year": 1998}),
    Case(FRAGMENTS, "whole.m4a", in_fragments, {"duration_s": (4.0, 0.1)}),
    *(Case(FRAGMENTS, f"cut-at-{part}.m4a", partial(material.truncated, in_fragments(), part / 16), {"state": "partial", "says": "it ends inside a fragment"}) for part in (5, 8, 11, 15)),
)
# fmt: on
