"""Ogg files of recorders, radio stations and editors."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tests import material
from tests.cases.case import Case, Kind
from tests.cases.ogg_pages import Page, changed, comment_packet, joined, pages_of, shifted, with_packets
from tests.tag_bytes import comments

END = Kind("ogg-without-end-mark", "chenxiaolong/BCR#922, ekhodzitsky/gigastt#218, RFC 7845, 4.5")
SKIP = Kind("opus-pre-skip", "tinytag/tinytag#237, MusicPlayerDaemon/MPD#867")
LATE = Kind("ogg-recorded-from-the-middle", "libsndfile/libsndfile#556")
HURT = Kind("ogg-pages-damaged", "RFC 3533, 6")
CHAIN = Kind("ogg-chained", "zaps166/QMPlay2#94, savonet/liquidsoap#3062")
AGAIN = Kind(
    "vorbis-headers-repeated",
    "Debian hyperrogue-music 12.0q: hr-savino-*.ogg, which FFmpeg refuses and players play",
)
COMMENTS = Kind("ogg-comments-damaged", "Gagravarr/VorbisJava#9, quodlibet/mutagen#52")

FOUR = {"duration_s": (4.0, 0.03)}
UNMARKED = {**FOUR, "remark": "its last page is not marked as the last"}
PARTIAL = {"state": "partial", "duration_s": (4.0, 0.03), "says": "s of audio instead of the 4.0 s"}
RATE_CHANGES = {"state": "partial", "says": "the sample rate changes"}


def good(name: str, seed: int = 1) -> bytes:
    """A file of four seconds."""
    return material.good(name, seed=seed)


def unmarked(name: str) -> bytes:
    """A file without the mark of its end."""
    return material.ogg_without_end_mark(name)


def with_page(name: str, number: int, **change: Any) -> bytes:
    """A file with one page changed; negative numbers count from the end."""

    def one(pages: list[Page]) -> list[Page]:
        pages[number] = replace(pages[number], **change)
        return pages

    return changed(good(name), one)


def without_page(name: str, number: int, renumbered: bool = False) -> bytes:
    """A file that lacks a page."""

    def fewer(pages: list[Page]) -> list[Page]:
        del pages[number]
        if renumbered:
            return [replace(page, number=place) for place, page in enumerate(pages)]
        return pages

    return changed(good(name), fewer)


def headers_again(position: int | None = None, stray: int = 0) -> bytes:
    """A Vorbis file whose first page of audio repeats the headers. position: of that page; stray: segments of audio in a page before it, where the positions begin anew."""
    pages = pages_of(good("vorbis"))
    first = next(place for place, page in enumerate(pages) if page.position > 0)
    sounding = pages[first]
    headers = [page for page in pages[:first] if page.serial == sounding.serial]
    segments = b"".join(page.segments for page in headers)
    at = sounding.position if position is None else position
    again = replace(
        sounding,
        position=at,
        segments=segments + sounding.segments,
        data=b"".join(page.data for page in headers) + sounding.data,
    )
    before = []
    if stray:
        cut = sounding.segments[:stray]
        before = [replace(sounding, position=5312, segments=cut, data=sounding.data[: sum(cut)])]
    behind = [*before, again, *pages[first + 1 :]]
    return joined(
        [*pages[:first], *(replace(page, number=first + place) for place, page in enumerate(behind))]
    )


def cut_in_page(name: str, part: float) -> bytes:
    """A file that ends inside a page."""
    return material.truncated(good(name), part)


def cut_between_pages(name: str) -> bytes:
    """A file that lacks its last pages."""
    return joined(pages_of(good(name))[:-2])


def at_rate(rate_hz: int, seconds: float = 2.0, name: str = "vorbis") -> bytes:
    """A file of another rate."""
    return material.encode(material.music(seconds, rate_hz=rate_hz), name, rate_hz)


def commented(name: str, block: bytes) -> bytes:
    """A file whose packet of comments holds this block."""
    head = comment_packet(good(name))[: {"vorbis": 7, "opus": 8, "ogg-flac": 4}[name]]
    return with_packets(good(name), head + block)


def loom(count: int | None = None, *more: bytes) -> bytes:
    """Comments."""
    return comments([b"TITLE=Loom", b"ARTIST=YMO", *more], count)


def pictured(name: str) -> bytes:
    """A file with a picture of six megabytes before its tags, in many pages."""
    block = (
        (3).to_bytes(4, "big")
        + (9).to_bytes(4, "big")
        + b"image/png"
        + bytes(20)
        + (6 << 20).to_bytes(4, "big")
    )
    picture = b"METADATA_BLOCK_PICTURE=" + base64.b64encode(block + bytes(6 << 20))
    return commented(name, comments([picture, b"TITLE=Loom", b"ARTIST=YMO"]) + b"\1")


def each(
    names: tuple[str, ...], kind: Kind, name: str, make: Callable[[str], bytes], right: Mapping[str, Any]
) -> tuple[Case, ...]:
    """The same case in several codecs."""
    return tuple(Case(kind, f"{name}-{codec}.ogg", partial(make, codec), right) for codec in names)


ALL = ("vorbis", "opus", "ogg-flac")
LOOM = {"title": "Loom", "artist": "YMO", **FOUR}

# fmt: off
CASES = (
    *each(ALL, END, "whole", unmarked, UNMARKED),
    Case(END, "chained.opus", lambda: good("opus") + unmarked("opus"), {"duration_s": (8.0, 0.03), "remark": "its last page"}),
    Case(END, "cut-between-pages.ogg", lambda: cut_between_pages("vorbis"), {"remark": "its last page"}),
    Case(END, "cut-between-pages.opus", lambda: cut_between_pages("opus"), {"remark": "its last page"}),
    *each(ALL, END, "cut-in-a-page", lambda codec: cut_in_page(codec, 0.8), {"state": "partial", "says": "its last page is incomplete"}),
    *(Case(SKIP, f"{samples}.opus", partial(material.opus_with_pre_skip, samples), {"duration_s": (4.0065 - samples / 48_000, 0.001), "decoded_s": (4.0065 - samples / 48_000, 0.01)}) for samples in (0, 312, 3840, 14_400, 48_000, 65_535)),
    *each(ALL, LATE, "ten-minutes", lambda codec: shifted(good(codec), 600 * 44_100), FOUR),
    Case(LATE, "a-day.ogg", lambda: shifted(good("vorbis"), 86_400 * 44_100), FOUR),
    Case(LATE, "odd.opus", lambda: shifted(good("opus"), 12_345_677), FOUR),
    Case(LATE, "pre-skip.opus", lambda: shifted(material.opus_with_pre_skip(14_400), 600 * 48_000), {"duration_s": (3.7065, 0.01)}),
    Case(LATE, "cut.ogg", lambda: material.truncated(shifted(good("vorbis"), 600 * 44_100), 0.6), {"state": "partial", "says": "its last page"}),
    *each(ALL, HURT, "last-page", lambda codec: with_page(codec, -1, broken=True), {"state": {"partial", "done"}, **FOUR}),
    *each(ALL, HURT, "last-but-one", lambda codec: with_page(codec, -2, broken=True), PARTIAL),
    *each(("vorbis", "opus"), HURT, "first-of-audio", lambda codec: with_page(codec, 2, broken=True), PARTIAL),
    *each(ALL, HURT, "missing", lambda codec: without_page(codec, -3), {**PARTIAL, "remark": "pages that are missing"}),
    *each(("vorbis", "opus"), HURT, "missing-renumbered", lambda codec: without_page(codec, -3, True), PARTIAL),
    *each(("vorbis", "opus"), HURT, "first-of-audio-at-zero", lambda codec: with_page(codec, 2, broken=True, position=0), PARTIAL),
    Case(HURT, "absurd-position.ogg", lambda: with_page("vorbis", -1, broken=True, position=10**12), {"state": "partial", "says": "its last page is damaged"}),
    Case(CHAIN, "44100-22050.ogg", lambda: good("vorbis") + at_rate(22_050), {**RATE_CHANGES, "duration_s": (6.0, 0.1)}),
    Case(CHAIN, "22050-44100.ogg", lambda: at_rate(22_050, 3.0) + good("vorbis"), {**RATE_CHANGES, "duration_s": (7.0, 0.1)}),
    Case(CHAIN, "middle.ogg", lambda: good("vorbis") + at_rate(32_000) + good("vorbis"), {**RATE_CHANGES, "duration_s": (10.0, 0.1)}),
    Case(CHAIN, "short-other-rate.ogg", lambda: good("vorbis") + at_rate(22_050, 0.7), {"state": "partial", "duration_s": (4.7, 0.1), "says": "s of audio instead of the"}),
    Case(CHAIN, "opus-vorbis.ogg", lambda: good("opus") + good("vorbis"), {**RATE_CHANGES, "duration_s": (8.0, 0.1)}),
    Case(CHAIN, "same.ogg", lambda: good("vorbis") + good("vorbis", 2), {"duration_s": (8.0, 0.1)}),
    Case(CHAIN, "other-codec.oga", lambda: good("vorbis") + good("ogg-flac"), {"duration_s": (8.0, 0.1)}),
    Case(CHAIN, "second-hurt.ogg", lambda: good("vorbis") + good("vorbis", 2).replace(b"\x05vorbis", b"\x05nothing"[:7], 1), {"state": "partial"}),
    *each(("vorbis",), COMMENTS, "no-framing-bit", lambda codec: commented(codec, loom()), LOOM),
    *each(ALL, COMMENTS, "too-many-said", lambda codec: commented(codec, loom(9)), {**LOOM, "says": "9 comments are declared, 2 are there"}),
    *each(ALL, COMMENTS, "none-said", lambda codec: commented(codec, loom(0) + b"\1"), LOOM),
    Case(AGAIN, "in-the-first-page.ogg", headers_again, FOUR),
    Case(AGAIN, "negative-position.ogg", lambda: headers_again(-104), FOUR),
    Case(AGAIN, "position-zero.ogg", lambda: headers_again(0), FOUR),
    Case(AGAIN, "behind-stray-sound.ogg", lambda: headers_again(-104, stray=4), FOUR),
    Case(AGAIN, "behind-more-stray-sound.ogg", lambda: headers_again(0, stray=10), FOUR),
    Case(COMMENTS, "over-pages.ogg", lambda: commented("vorbis", loom(None, b"X=" + b"x" * 200_000) + b"\1"), LOOM),
    *(Case(COMMENTS, f"picture-of-6-megabytes-{name}.ogg", partial(pictured, name), LOOM) for name in ("vorbis", "opus")),
    Case(COMMENTS, "over-pages.opus", lambda: commented("opus", loom(None, b"X=" + b"x" * 200_000)), LOOM),
)
# fmt: on
