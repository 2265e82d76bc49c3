"""Chooses title, artist, album and the like from all tags of a file, whichever of them has a field best."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tonearm.analysis.tags.genres import genres_of
from tonearm.analysis.tags.tag_set import Entry, TagSet

KEYS = {
    "title": ("TIT2", "TITLE", "©nam", "INAM", "NAME", "displayname", "titl"),
    "artist": (
        "TPE1",
        "ARTIST",
        "©ART",
        "Author",
        "IART",
        "AUTH",
        "perf",
        "ARTISTS",
        "TXXX:ARTIST",
        "TXXX:ARTISTS",
    ),
    "album": ("TALB", "ALBUM", "©alb", "WM/AlbumTitle", "IPRD", "albm"),
    "album_artist": (
        *("TPE2", "ALBUMARTIST", "ALBUM ARTIST", "ALBUM_ARTIST", "aART", "WM/AlbumArtist"),
        *("TXXX:ALBUMARTIST", "TXXX:ALBUM ARTIST", "TXXX:ALBUM_ARTIST", "ENSEMBLE"),
    ),
    "genre": ("TCON", "GENRE", "©gen", "gnre", "WM/Genre", "IGNR"),
    "track": (
        "TRCK",
        "TRACKNUMBER",
        "TRACK",
        "trkn",
        "WM/TrackNumber",
        "ITRK",
        "IPRT",
        "TRACKNUM",
        "TRACK NUMBER",
        "©trk",
    ),
    "track_total": ("TRACKTOTAL", "TOTALTRACKS", "TXXX:TRACKTOTAL", "TXXX:TOTALTRACKS", "TRACKC"),
    "disc": ("TPOS", "DISCNUMBER", "DISC", "disk", "WM/PartOfSet"),
    "disc_total": ("DISCTOTAL", "TOTALDISCS", "TXXX:DISCTOTAL", "TXXX:TOTALDISCS", "DISCC"),
    "year": (
        *("TDRC", "TYER", "DATE", "YEAR", "©day", "WM/Year", "ICRD", "TDRL", "RELEASEDATE", "RELEASE DATE"),
        *(
            "RELEASE_DATE",
            "RELEASETIME",
            "creationdate",
            "yrrc",
            "RECORDED DATE",
            "TXXX:DATE",
            "TXXX:YEAR",
            "TXXX:RELEASEDATE",
        ),
    ),
    "original_year": (
        *("TDOR", "TORY", "ORIGINALDATE", "ORIGINALYEAR", "ORIGINAL DATE", "ORIGINAL YEAR", "ORIGYEAR"),
        *("ORIGINALRELEASEDATE", "WM/OriginalReleaseYear", "WM/OriginalReleaseTime"),
        *("TXXX:ORIGINALDATE", "TXXX:ORIGINALYEAR", "TXXX:ORIGYEAR", "TXXX:ORIGINAL YEAR"),
    ),
}
"""The names of each field, best first: ID3, Vorbis comments, APE and QuickTime, MP4, ASF, RIFF INFO, AIFF; in any
letter case. Those of free items in MP4 count without "----:com.apple.iTunes:"."""

FREE_ITEM = "----:com.apple.itunes:"
ID3V1_CHARACTERS = range(28, 31)
"""A text of so many characters may have been cut to fit into ID3v1."""

_NUMBER_OF_TOTAL = re.compile(r"\s*(\d{1,5})(?!\d)(?:[^\d/]*/\s*(\d{1,5})(?!\d)|\s*of\s*(\d{1,5})(?!\d))?")
_YEAR = re.compile(r"(?<!\d)([12]\d{3})(?:(?:0\d|1[0-2])(?:[0-2]\d|3[01])(?:\d{4}(?:\d{2})?)?)?(?!\d)")
"""Four digits by themselves, or a month and a day right behind them (20031112), and a time behind these."""


@dataclass(slots=True)
class Fields:
    """The entries of all tags of a file by their names, and which of them were chosen.

    legacy: the encoding of former times. chosen: the identities of the entries that fields were taken from.
    """

    legacy: str
    chosen: set[int] = field(default_factory=set)
    _sets: list[dict[str, list[Entry]]] = field(default_factory=list)

    @classmethod
    def of(cls, tags: Sequence[TagSet], legacy: str) -> "Fields":
        """The fields of some tags, the most trusted first."""
        made = cls(legacy)
        for tag in tags:
            by_name: dict[str, list[Entry]] = {}
            for entry in tag.entries:
                by_name.setdefault(entry.key.lower().removeprefix(FREE_ITEM), []).append(entry)
            made._sets.append(by_name)
        return made

    def text(self, name: str) -> str | None:
        """The text of a field; several values are joined by "; "."""
        best: tuple[str, list[Entry]] | None = None
        for key, entries in self._candidates(name):
            said = [self._clean(entry) for entry in entries]
            values = [genre for one in said for genre in genres_of(one)] if key == "tcon" else said
            joined = "; ".join(dict.fromkeys(value for value in values if value))
            if joined and (best is None or _continues(joined, best[0])):
                best = joined, entries
        if best is None:
            return None
        self._choose(best[1])
        return best[0]

    def number(self, name: str) -> tuple[int | None, int | None]:
        """A number, and the total behind it: "3", "03", "3/12"; sides of records, such as "A1", are no numbers."""
        found = self._first(name, _NUMBER_OF_TOTAL.match)
        if found is None:
            return None, None
        number, total = found[1], found[2] or found[3]
        return int(number) or None, (int(total) or None) if total else None

    def year(self, name: str) -> int | None:
        """The first year in a field, in any form: "1998-05", "May 1998", "c1998", "19980501"."""
        found = self._first(name, _YEAR.search)
        return int(found[1]) if found else None

    def _first(self, name: str, read: Callable[[str], re.Match[str] | None]) -> re.Match[str] | None:
        for _, entries in self._candidates(name):
            for entry in entries:
                if match := read(self._clean(entry)):
                    self._choose([entry])
                    return match
        return None

    def _candidates(self, name: str) -> Iterator[tuple[str, list[Entry]]]:
        for by_name in self._sets:
            for key in KEYS[name]:
                if entries := by_name.get(key.lower()):
                    yield key.lower(), entries

    def _clean(self, entry: Entry) -> str:
        return entry.text.decoded(self.legacy).replace("\0", " ").strip().lstrip("\ufeff")

    def _choose(self, entries: Sequence[Entry]) -> None:
        self.chosen.update(id(entry) for entry in entries)


def _continues(text: str, shorter: str) -> bool:
    """Whether a text may be the whole one of which another tag holds what fits into ID3v1."""
    return len(shorter) in ID3V1_CHARACTERS and len(text) > len(shorter) and text.startswith(shorter)
