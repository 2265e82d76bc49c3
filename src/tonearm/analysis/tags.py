"""Reads the tags of a file with mutagen; damaged tags give a warning, never an error."""

import re
from collections.abc import Iterator

from tonearm.analysis.bounds import TimeIsUp, bounded
from tonearm.analysis.file_window import RawFile, Window, find_audio
from tonearm.analysis.tag_formats import Found, clean, read_found
from tonearm.library.file_contents import Tags

MEMORY_BYTES = 192 << 20
SECONDS = 10.0

KEYS = {
    "title": ("TIT2", "TITLE", "©nam", "INAM", "NAME"),
    "artist": ("TPE1", "ARTIST", "©ART", "Author", "IART", "AUTH"),
    "album": ("TALB", "ALBUM", "©alb", "WM/AlbumTitle", "IPRD"),
    "album_artist": ("TPE2", "ALBUMARTIST", "ALBUM ARTIST", "aART", "WM/AlbumArtist"),
    "genre": ("TCON", "GENRE", "©gen", "gnre", "WM/Genre", "IGNR"),
    "track": ("TRCK", "TRACKNUMBER", "TRACK", "trkn", "WM/TrackNumber", "ITRK", "IPRT"),
    "track_total": ("TRACKTOTAL", "TOTALTRACKS", "TXXX:TRACKTOTAL", "TXXX:TOTALTRACKS"),
    "disc": ("TPOS", "DISCNUMBER", "DISC", "disk", "WM/PartOfSet"),
    "disc_total": ("DISCTOTAL", "TOTALDISCS", "TXXX:DISCTOTAL", "TXXX:TOTALDISCS"),
    "year": ("TDRC", "TYER", "DATE", "YEAR", "©day", "WM/Year", "ICRD", "TDRL", "TDOR", "ORIGINALDATE"),
}
"""The names of each field, best first: ID3, Vorbis comments and APE, MP4, ASF, RIFF INFO, AIFF; in any letter case."""

_NUMBER_OF_TOTAL = re.compile(r"\s*(\d{1,5})\b(?:\s*(?:/|of)\s*(\d{1,5})\b)?")
_YEAR = re.compile(r"(?<!\d)([12]\d{3})(?:(?:0\d|1[0-2])(?:[0-2]\d|3[01]))?(?!\d)")
"""Four digits by themselves, or a month and a day right behind them (20031112)."""


def read_tags(file: RawFile, seconds: float | None = None) -> Tags:
    """Read the tags of an open file, whose position moves, in bounded memory and time: ``seconds``, or ``SECONDS``.

    ``warning`` reports damage. Raises ``FileFault`` as ``find_audio`` does for what is no music file.
    """
    seconds = SECONDS if seconds is None else seconds
    kind, audio = find_audio(file)
    whole = Window(file, 0, file.seek(0, 2))
    try:
        with bounded(MEMORY_BYTES, seconds):
            return _tags(read_found(kind, whole, audio))
    except MemoryError:
        return Tags(warning="the tags ask for too much memory; they were left unread")
    except TimeIsUp:
        return Tags(warning=f"the tags could not be read within {seconds:.0f} s")
    except Exception as error:  # noqa: BLE001  mutagen answers damage with every kind of exception
        return Tags(warning=clean(f"the tags are damaged: {str(error) or type(error).__name__}")[:300])


def _tags(found: Found) -> Tags:
    lowered: dict[str, list[str]] = {}
    for key, values in found.values.items():
        lowered.setdefault(key.lower(), []).extend(values)
    track, track_total = _number(lowered, "track")
    disc, disc_total = _number(lowered, "disc")
    return Tags(
        title=_text(lowered, "title"),
        artist=_text(lowered, "artist"),
        album=_text(lowered, "album"),
        album_artist=_text(lowered, "album_artist"),
        track=track,
        track_total=track_total or _number(lowered, "track_total")[0],
        disc=disc,
        disc_total=disc_total or _number(lowered, "disc_total")[0],
        year=_year(lowered),
        genre=_text(lowered, "genre"),
        art_count=found.art_count,
        art_bytes=found.art_bytes,
        art_mime=found.art_mime,
        everything=found.values,
    )


def _values(lowered: dict[str, list[str]], name: str) -> Iterator[list[str]]:
    return (lowered[key.lower()] for key in KEYS[name] if key.lower() in lowered)


def _text(lowered: dict[str, list[str]], name: str) -> str | None:
    return clean("; ".join(dict.fromkeys(next(_values(lowered, name), ())))) or None


def _number(lowered: dict[str, list[str]], name: str) -> tuple[int | None, int | None]:
    """Read "3", "03" or "3/12"; sides of records, such as "A1", are not numbers."""
    for values in _values(lowered, name):
        if match := _NUMBER_OF_TOTAL.match(values[0]):
            number, total = (int(digits) if digits else None for digits in match.groups())
            return number or None, total or None
    return None, None


def _year(lowered: dict[str, list[str]]) -> int | None:
    for values in _values(lowered, "year"):
        if match := _YEAR.search(values[0]):
            return int(match[1])
    return None
