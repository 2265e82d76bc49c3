"""Tags as people and programs of thirty years have written them."""

from collections.abc import Callable
from functools import partial

from tests.cases.case import Case, Kind
from tests.cases.mp4 import itunes
from tests.cases.ogg import commented
from tests.cases.riff import chunk
from tests.material import good, index_last
from tests.tag_bytes import ape, comments, flac_with, frame, id3v1, id3v2, listed, mp4_with, syncsafe, text
from tests.tagging import asf, retagged

BEFORE = Kind(
    "id3v2-before-other-container", "google/ExoPlayer#4055, tinytag/tinytag#46, quodlibet/quodlibet#183"
)
SEVERAL = Kind("several-id3v2-tags", "Serial-ATA/lofty-rs#679, Sohex/musefs#767")
APE = Kind("ape-beside-id3v1", "quodlibet/mutagen#120, tinytag/tinytag#19, jellyfin/jellyfin#12720")
FIRST_LYRICS = Kind(
    "lyrics3-of-the-first-version", "id3.org, Lyrics3: text between two marks, without a size"
)
YEARS = Kind("years", "quodlibet/mutagen#529, Ciantic/songdetails#4")
OTHER_YEARS = Kind("years-under-other-names", "navidrome/navidrome#5306, dhowden/tag#105")
YEAR_RANK = Kind("year-of-id3v1-last", "navidrome/navidrome#492")
MANY = Kind("more-tags-than-are-kept", "FLAC, MP3 and M4A files with hundreds of tags: docs/decisions/0041")
LEGACY = Kind("text-of-former-encodings", "pdeljanov/Symphonia#164, tinytag/tinytag#34")
MARKS = Kind("byte-order-marks", "Unicode 16, 23.8")
ALBUM_ARTISTS = Kind("album-artist-names", "Borewit/music-metadata#685, DeaDBeeF-Player/deadbeef#2118")
TRACKS = Kind("track-numbers", "id3.org, ID3v2.4.0 frames, 4.2.1")
GENRES = Kind("genres", "quodlibet/mutagen#149, id3/ID3v2.4#13")
VERSIONS = Kind("frames-of-other-versions", "taglib/taglib#127, taglib/taglib#949")

EXTENDED = Kind("extended-header", "quodlibet/quodlibet#126, Zeugma440/atldotnet#388")
UNMARKED = Kind("utf-16-without-a-mark", "dhowden/tag#18, moumar/ruby-mp3info#55")
AT_START = Kind("ape-at-the-start", "hydrogenaud.io, APEv2 specification: tags at the beginning of a file")
NUMBERS = Kind("numbers-in-other-forms", "Microsoft, WM/Track; Apple, Core Audio Format, information chunk")

LONG = "A title that is longer than thirty characters"


def mp3(*frames: bytes, version: int = 4, end: bytes = b"") -> bytes:
    """A file with an ID3v2 tag, if there are frames."""
    return (id3v2(*frames, version=version) if frames else b"") + good("mp3") + end


def flac(*entries: bytes) -> bytes:
    """A file with Vorbis comments."""
    return flac_with(good("flac"), (4, comments(entries)))


def footed(*frames: bytes) -> bytes:
    """A tag of ID3v2.4 with a footer, as one at the end of a file has it."""
    tag = id3v2(*frames, flags=0x10)
    return tag + b"3DI" + tag[3:10]


def own(version: int = 4, words: str = "Song") -> bytes:
    """A frame of a title in any version."""
    return frame("TT2" if version == 2 else "TIT2", text(words, 0), version)


def said(kind: str, words: str, version: int = 4, encoding: int = 0) -> bytes:
    """A frame of text."""
    return frame(kind, text(words, encoding), version)


def year(words: str, right: int | None) -> tuple[Case, ...]:
    """A year in some words, in a frame of each version and a comment."""
    name = "".join(sign if sign.isalnum() and sign.isascii() else "-" for sign in words)
    encoding = 3 if not words.isascii() else 0
    return (
        Case(
            YEARS,
            f"{name}.flac",
            lambda: flac(b"DATE=" + words.encode()),
            {"year": right, "written": [("DATE", words)]},
        ),
        Case(
            YEARS,
            f"{name}.mp3",
            lambda: mp3(said("TDRC", words, 4, encoding)),
            {"year": right, "written": [("TDRC", words)]},
        ),
    )


def tyer(words: str, right: int | None) -> Case:
    """A year in the frame of ID3v2.3."""
    return Case(
        YEARS,
        f"tyer-{words.replace('/', '-')}.mp3",
        lambda: mp3(said("TYER", words, 3), version=3),
        {"year": right, "written": [("TYER", words)]},
    )


def txxx(name: str, words: str) -> bytes:
    """A free frame of text."""
    return frame("TXXX", b"\0" + name.encode() + b"\0" + words.encode())


def before(ending: str, make: Callable[[], bytes], title: str = "Pre", version: int = 3) -> Case:
    """A file with a tag before its container."""
    return Case(
        BEFORE,
        f"v2-{version}-{title}.{ending}",
        lambda: id3v2(own(version, "Pre"), version=version) + make(),
        {"title": title, "duration_s": (4.0, 0.06)},
    )


def encoded(name: str, words: str, encoding: str) -> Case:
    """Comments in an encoding of former times."""
    entries = [key + words.encode(encoding) for key in (b"TITLE=", b"ARTIST=", b"ALBUM=")]
    return Case(LEGACY, name, lambda: flac(*entries), {"title": words, "artist": words})


def extended(version: int, head: bytes, *frames: bytes) -> bytes:
    """A tag with an extended header, or with nothing where it should be."""
    body = head + b"".join(frames)
    return b"ID3" + bytes([version, 0, 0x40]) + syncsafe(len(body)) + body + good("mp3")


def units(words: str, order: str) -> bytes:
    """A title in units of 16 bits without a mark that tells their order."""
    return frame("TIT2", b"\1" + words.encode(f"utf-16-{order}"), 3)


def core_audio(*pairs: tuple[bytes, bytes]) -> bytes:
    """A CAF file with an information chunk behind its description."""
    entries = b"".join(key + b"\0" + value + b"\0" for key, value in pairs)
    body = len(pairs).to_bytes(4, "big") + entries
    return good("caf")[:52] + b"info" + len(body).to_bytes(8, "big") + body + good("caf")[52:]


def numbered(**numbers: int) -> bytes:
    """A WMA file with attributes that are numbers."""
    return retagged(
        "wma",
        lambda opened: opened.update({f"WM/{key}": [asf.ASFDWordAttribute(n)] for key, n in numbers.items()}),
    )


SUNG = b"LYRICSBEGIN" + b"[00:01]la la la\r\n" * 20 + b"LYRICSEND"
FRONT = ape([("Title", b"Song"), ("Artist", b"Band")])


def fronted(name: str) -> bytes:
    """A file behind a tag of APEv2."""
    return FRONT + good(name)


def overlong_ape(name: str) -> bytes:
    """A file behind the header of a tag that claims more than the file has."""
    return FRONT[:12] + (1 << 28).to_bytes(4, "little") + FRONT[16:32] + good(name)


VORBIS_TITLED = comments([b"TITLE=Two"]) + b"\1"
PRE_AND_PICTURE = (frame("APIC", b"\0image/png\0\3\0" + bytes(99)),)

# fmt: off
CASES = (
    before("flac", lambda: good("flac")),
    before("flac", lambda: flac(b"TITLE=Own"), "Own"),
    before("ogg", lambda: good("vorbis")),
    before("ogg", lambda: commented("vorbis", VORBIS_TITLED), "Two"),
    before("opus", lambda: good("opus")),
    before("wav", lambda: good("wav")),
    before("aiff", lambda: good("aiff")),
    before("m4a", lambda: good("aac")),
    before("flac", lambda: good("flac"), version=2),
    before("wav", lambda: good("wav"), version=4),
    before("wma", lambda: good("wma")),
    Case(BEFORE, "two.flac", lambda: id3v2(own(), version=4) + id3v2(said("TPE1", "Band")) + good("flac"), {"title": "Song", "artist": "Band"}),
    Case(SEVERAL, "first-empty.mp3", lambda: id3v2(padding=20) + mp3(own(), said("TPE1", "Band")), {"title": "Song", "artist": "Band"}),
    Case(SEVERAL, "second-empty.mp3", lambda: id3v2(own(3), said("TPE1", "Band", 3), version=3) + mp3(said("TIT2", "")), {"title": "Song", "artist": "Band"}),
    Case(SEVERAL, "second-v2-2.mp3", lambda: id3v2(padding=200) + id3v2(own(2), said("TP1", "Band", 2), version=2) + mp3(), {"title": "Song", "artist": "Band"}),
    Case(SEVERAL, "three.mp3", lambda: id3v2(own()) + id3v2(said("TPE1", "Band")) + mp3(said("TALB", "Album")), {"title": "Song", "artist": "Band", "album": "Album"}),
    Case(SEVERAL, "picture-first.mp3", lambda: id3v2(*PRE_AND_PICTURE) + mp3(own(), said("TPE1", "Band")), {"title": "Song", "artist": "Band"}),
    Case(SEVERAL, "at-the-end.mp3", lambda: mp3(own(), end=footed(said("TPE1", "Band"))), {"title": "Song", "artist": "Band"}),
    Case(APE, "then-v1.mp3", lambda: mp3(end=ape([("Title", LONG.encode()), ("Artist", b"One\0Two"), ("Genre", b"Drum & Bass")]) + id3v1(LONG.encode()[:30], b"One", genre=17)), {"title": LONG, "artist": "One; Two", "genre": "Drum & Bass"}),
    Case(APE, "v1-then-ape.mp3", lambda: mp3(end=id3v1(LONG.encode()[:30], b"One") + ape([("Title", LONG.encode())])), {"title": LONG, "artist": "One"}),
    Case(APE, "ape-lacks-artist.mp3", lambda: mp3(end=ape([("Title", LONG.encode())]) + id3v1(LONG.encode()[:30], b"One", b"Al", b"1999", 7, 17)), {"title": LONG, "artist": "One", "album": "Al", "year": 1999, "track": 7, "genre": "Rock"}),
    Case(APE, "version-1.mp3", lambda: mp3(end=ape([("Title", LONG.encode())], 1000) + id3v1(LONG.encode()[:30])), {"title": LONG}),
    Case(APE, "v1-cut-beside-v2.mp3", lambda: mp3(said("TIT2", LONG), end=id3v1(LONG.encode()[:30], b"One")), {"title": LONG, "artist": "One"}),
    Case(APE, "v2-cut-too.mp3", lambda: mp3(said("TIT2", LONG[:30]), end=ape([("Title", LONG.encode())]) + id3v1(LONG.encode()[:30])), {"title": LONG}),
    Case(APE, "lyrics-between.mp3", lambda: mp3(end=ape([("Title", LONG.encode())]) + b"LYRICSBEGIN" + b"LYR00005Hello" + b"000024LYRICS200" + id3v1(LONG.encode()[:30])), {"title": LONG}),
    Case(FIRST_LYRICS, "then-v1.mp3", lambda: mp3(end=SUNG + id3v1(b"Song", b"One")), {"title": "Song", "artist": "One", "duration_s": (4.0, 0.01)}),
    Case(FIRST_LYRICS, "behind-ape.mp3", lambda: mp3(end=ape([("Title", LONG.encode())]) + SUNG + id3v1(LONG.encode()[:30], b"One")), {"title": LONG, "artist": "One"}),
    Case(FIRST_LYRICS, "longest.mp3", lambda: mp3(end=b"LYRICSBEGIN" + b"la " * 1700 + b"LYRICSEND" + id3v1(b"Song")), {"title": "Song", "duration_s": (4.0, 0.01)}),
    Case(FIRST_LYRICS, "alone.mp3", lambda: mp3(said("TIT2", "Song"), end=SUNG), {"title": "Song", "duration_s": (4.0, 0.01)}),
    Case(FIRST_LYRICS, "without-a-beginning.mp3", lambda: mp3(said("TIT2", "Song"), end=b"la la LYRICSEND" + id3v1(b"Song")), {"title": "Song", "duration_s": (4.0, 0.1), "says": "damaged packets skipped: 1"}),
    *year("1998", 1998),
    *year("1998-05-01", 1998),
    *year("c1998", 1998),
    *year("1998-1999", 1998),
    *year("1998-05", 1998),
    *year("May 1998", 1998),
    *year("01.05.1998", 1998),
    *year("05/01/1998", 1998),
    *year("19980501", 1998),
    *year("1998-05-01T10:00:00Z", 1998),
    *year("℗ 1998 Label", 1998),
    *year("1998年", 1998),
    *year("recorded in the spring of 1998", 1998),
    *year("1998-00-00", 1998),
    *year("19980501083000", 1998),
    *year("199805010830", 1998),
    *year("120198", None),
    *year("unknown", None),
    *year("0000", None),
    *year("98", None),
    tyer("c1998", 1998),
    tyer("1998/1999", 1998),
    tyer("2020-05-01", 2020),
    tyer("20200501", 2020),
    tyer("May 1995", 1995),
    *(Case(OTHER_YEARS, f"{name}.flac", partial(flac, name.encode() + b"=1971-03"), {"year": 1971, "original_year": original}) for name, original in {"RELEASEDATE": None, "YEAR": None, "ORIGINALYEAR": 1971, "ORIGINALDATE": 1971, "ORIGYEAR": 1971, "ORIGINAL YEAR": 1971, "RELEASE_DATE": None, "ORIGINALRELEASEDATE": 1971}.items()),
    *(Case(OTHER_YEARS, f"txxx-{name}.mp3", partial(mp3, txxx(name, "1971")), {"year": 1971}) for name in ("YEAR", "originalyear", "RELEASEDATE", "DATE", "ORIGYEAR")),
    Case(OTHER_YEARS, "both.flac", lambda: flac(b"ORIGINALYEAR=1971", b"DATE=1999"), {"year": 1999, "original_year": 1971}),
    Case(OTHER_YEARS, "tory.mp3", lambda: mp3(said("TORY", "1971", 3), version=3), {"year": 1971, "original_year": 1971}),
    Case(OTHER_YEARS, "tdor.mp3", lambda: mp3(said("TDOR", "1971-02"), said("TDRC", "1999")), {"year": 1999, "original_year": 1971}),
    *(Case(YEAR_RANK, f"{name}.mp3", partial(mp3, said(name, "2004", version), version=version, end=id3v1(year=b"1337")), {"year": 2004}) for name, version in (("TYER", 3), ("TDRC", 4), ("TYE", 2), ("TDRL", 4))),
    Case(YEAR_RANK, "tyer-in-v4.mp3", lambda: mp3(said("TYER", "2004"), end=id3v1(year=b"1337")), {"year": 2004}),
    Case(MANY, "comments.flac", lambda: flac(*[b"K%d=%d" % (n, n) for n in range(600)], b"TITLE=Late", b"ARTIST=LateA"), {"title": "Late", "artist": "LateA", "says": "were left out"}),
    Case(MANY, "comments.ogg", lambda: commented("vorbis", comments([*[b"K%d=%d" % (n, n) for n in range(600)], b"TITLE=Late"]) + b"\1"), {"title": "Late", "says": "were left out"}),
    Case(MANY, "frames.mp3", lambda: mp3(*[txxx(f"K{n}", str(n)) for n in range(600)], own(4, "Late")), {"title": "Late", "says": "were left out"}),
    Case(MANY, "items.mp3", lambda: mp3(end=ape([*[(f"K{n}", b"1") for n in range(600)], ("Title", b"Late")])), {"title": "Late", "says": "were left out"}),
    Case(MANY, "items.m4a", lambda: mp4_with(index_last(), itunes(b"".join(listed(b"k%03d" % n, b"1") for n in range(600)) + listed(b"\xa9nam", b"Late"))), {"title": "Late", "says": "were left out"}),
    encoded("latin-1.flac", "Café", "latin-1"),
    encoded("cp1252.flac", "Don’t – Größe", "cp1252"),
    encoded("cp1251.flac", "Группа крови", "cp1251"),
    encoded("shift-jis.flac", "さくらさくら", "shift-jis"),
    Case(LEGACY, "latin-1.ogg", lambda: commented("vorbis", comments([b"TITLE=Caf\xe9"]) + b"\1"), {"title": "Café", "duration_s": (4.0, 0.06)}),
    Case(LEGACY, "cp1251-as-latin-1.mp3", lambda: mp3(*[frame(kind, b"\0" + "Группа крови".encode("cp1251")) for kind in ("TIT2", "TPE1", "TALB")]), {"title": "Группа крови"}),
    Case(LEGACY, "id3v1.mp3", lambda: mp3(end=id3v1("Größe".encode("latin-1"), b"Band")), {"title": "Größe"}),
    Case(LEGACY, "ape.mp3", lambda: mp3(end=ape([("Title", b"Caf\xe9")])), {"title": "Café"}),
    Case(LEGACY, "info.wav", lambda: good("wav") + chunk(b"LIST", b"INFO" + chunk(b"INAM", b"Caf\xe9")), {"title": "Café"}),
    Case(MARKS, "comment.flac", lambda: flac(b"TITLE=\xef\xbb\xbfSong", b"ARTIST=Band"), {"title": "Song"}),
    Case(MARKS, "utf-8.mp3", lambda: mp3(frame("TIT2", b"\x03\xef\xbb\xbfSong")), {"title": "Song"}),
    Case(MARKS, "utf-16-twice.mp3", lambda: mp3(frame("TIT2", b"\x01" + "Song\0".encode("utf-16") + "Two".encode("utf-16"))), {"title": "Song; Two"}),
    Case(MARKS, "utf-16-doubled.mp3", lambda: mp3(frame("TIT2", b"\x01\xff\xfe" + "Song".encode("utf-16"))), {"title": "Song"}),
    Case(MARKS, "utf-16-big-endian.mp3", lambda: mp3(frame("TIT2", b"\x01\xfe\xff" + "Song".encode("utf-16-be"))), {"title": "Song"}),
    Case(MARKS, "ape.mp3", lambda: mp3(end=ape([("Title", b"\xef\xbb\xbfSong")])), {"title": "Song"}),
    Case(MARKS, "item.m4a", lambda: mp4_with(index_last(), itunes(listed(b"\xa9nam", b"\xef\xbb\xbfSong"))), {"title": "Song"}),
    *(Case(ALBUM_ARTISTS, f"{name}.flac", partial(flac, name.encode() + b"=Various"), {"album_artist": "Various", "artist": None}) for name in ("ALBUMARTIST", "ALBUM ARTIST", "album_artist", "Album Artist", "ENSEMBLE")),
    *(Case(ALBUM_ARTISTS, f"txxx-{name}.mp3", partial(mp3, txxx(name, "Various"), said("TPE1", "Guest")), {"album_artist": "Various", "artist": "Guest"}) for name in ("ALBUMARTIST", "ALBUM ARTIST", "album_artist", "Album Artist")),
    Case(ALBUM_ARTISTS, "ape.mp3", lambda: mp3(end=ape([("Album Artist", b"Various")])), {"album_artist": "Various"}),
    Case(ALBUM_ARTISTS, "artists.mp3", lambda: mp3(txxx("ARTISTS", "One")), {"artist": "One"}),
    *(Case(TRACKS, f"{number}.mp3", partial(mp3, said("TRCK", words)), {"track": right}) for number, (words, right) in enumerate((("02test/05", 2), ("2/5", 2), ("02", 2), ("2 of 5", 2), (" 2 / 5", 2), ("2-5", 2), ("A2", None), ("/5", None), ("0", None)))),
    *(Case(GENRES, f"v1-{number}.mp3", partial(mp3, end=id3v1(b"Song", genre=number)), {"genre": right}) for number, right in ((0, "Blues"), (17, "Rock"), (191, "Psybient"), (192, None), (200, None), (255, None))),
    *(Case(GENRES, f"tcon-{number}.mp3", partial(mp3, said("TCON", words)), {"genre": right}) for number, (words, right) in enumerate((("(17)", "Rock"), ("17", "Rock"), ("(200)", None), ("Own", "Own"), ("(17)Own", {"Own", "Rock; Own", "Rock"})))),
    Case(VERSIONS, "v3-in-v4.mp3", lambda: mp3(said("TIT2", LONG * 5, 3), said("TPE1", "Band", 3)), {"title": LONG * 5, "artist": "Band"}),
    Case(VERSIONS, "v4-in-v3.mp3", lambda: mp3(said("TIT2", "Song", 4), said("TDRC", "1998", 4), version=3), {"title": "Song", "year": 1998}),
    Case(VERSIONS, "plain-sizes-in-v4.mp3", lambda: mp3(frame("TIT2", text("x" * 200, 0), size=(201).to_bytes(4, "big")), own(4, "Never")), {"title": {"x" * 200, "x" * 200 + "; Never"}}),
    Case(VERSIONS, "v2-2.mp3", lambda: mp3(own(2), said("TP1", "Band", 2), said("TYE", "1998", 2), version=2), {"title": "Song", "artist": "Band", "year": 1998}),
    Case(VERSIONS, "bad-frame-between.mp3", lambda: mp3(own(), b"\0\1\2\3" + bytes(6), said("TPE1", "Band")), {"title": "Song", "artist": {"Band", None}}),
    Case(EXTENDED, "v3-none-there.mp3", lambda: extended(3, b"", own(3), said("TPE1", "Band", 3)), {"title": "Song", "artist": "Band"}),
    Case(EXTENDED, "v4-none-there.mp3", lambda: extended(4, b"", own(), said("TPE1", "Band")), {"title": "Song", "artist": "Band"}),
    Case(EXTENDED, "v3.mp3", lambda: extended(3, b"\0\0\0\6" + bytes(6), own(3)), {"title": "Song"}),
    Case(EXTENDED, "v3-checksum.mp3", lambda: extended(3, b"\0\0\0\x0a\x80\0" + bytes(8), own(3)), {"title": "Song"}),
    Case(EXTENDED, "v4-checksum.mp3", lambda: extended(4, b"\0\0\0\x0c\1\x20\5" + bytes(5), own()), {"title": "Song"}),
    Case(UNMARKED, "little.mp3", lambda: mp3(units("Song", "le"), version=3), {"title": "Song"}),
    Case(UNMARKED, "big.mp3", lambda: mp3(units("Song", "be"), version=3), {"title": "Song"}),
    Case(UNMARKED, "big-letters.mp3", lambda: mp3(units("Größe – Café", "be"), version=3), {"title": "Größe – Café"}),
    Case(UNMARKED, "little-kana.mp3", lambda: mp3(units("さくら", "le"), version=3), {"title": "さくら"}),
    Case(UNMARKED, "first-marked.mp3", lambda: mp3(frame("TPE1", b"\1" + "One".encode("utf-16") + b"\0\0" + "Two".encode("utf-16-le"))), {"artist": "One; Two"}),
    *(Case(AT_START, f"in-front.{ending}", partial(fronted, name), {"title": "Song", "artist": "Band", "duration_s": (4.0, 0.1)}) for name, ending in (("mp3", "mp3"), ("wavpack", "wv"), ("tta", "tta"), ("raw-aac", "aac"))),
    Case(AT_START, "behind-id3.mp3", lambda: id3v2(said("TPE1", "One")) + FRONT + good("mp3"), {"title": "Song", "artist": "One"}),
    *(Case(AT_START, f"claims-too-much.{ending}", partial(overlong_ape, name), {"duration_s": (4.0, 0.06)}) for name, ending in (("flac", "flac"), ("vorbis", "ogg"), ("mp3", "mp3"), ("wavpack", "wv"))),
    Case(GENRES, "many-digits.mp3", lambda: mp3(said("TCON", "00019999")), {"genre": None}),
    Case(GENRES, "more-digits.mp3", lambda: mp3(said("TCON", "9" * 5000)), {"genre": None}),
    Case(NUMBERS, "track-from-zero.wma", lambda: numbered(Track=4), {"track": 5}),
    Case(NUMBERS, "track-from-one.wma", lambda: numbered(Track=4, TrackNumber=5), {"track": 5}),
    Case(NUMBERS, "information.caf", lambda: core_audio((b"title", b"Song"), (b"track number", b"3"), (b"recorded date", b"1998-05-01")), {"title": "Song", "track": 3, "year": 1998}),
    Case(NUMBERS, "short-pair.m4a", lambda: mp4_with(index_last(), itunes(listed(b"trkn", bytes((0, 0, 0, 3)), 0))), {"track": 3}),
    Case(NUMBERS, "pair-in-words.m4a", lambda: mp4_with(index_last(), itunes(listed(b"trkn", b"13/120"))), {"track": 13}),
)
# fmt: on
