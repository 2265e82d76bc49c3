"""What is written into tags, and what each form of tag calls it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tonearm.views.track import Track

R128_REFERENCE_LUFS = -23.0
REPLAYGAIN_REFERENCE_LUFS = -18.0
ITUNES = "----:com.apple.iTunes:"
MOST_R128 = 1 << 15
ALBUM = "replaygain_album"
"""The field for which albums are read."""


class Family(StrEnum):
    """Forms of tags with names of their own."""

    VORBIS = "vorbis"
    OPUS = "opus"
    ID3 = "id3"
    MP4 = "mp4"
    ASF = "asf"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How values are written. bpm: ``integer`` or ``decimal``. key: ``text``, ``camelot`` or ``open_key``."""

    bpm: str = "integer"
    key: str = "text"


Made = Callable[[Track, Spelling], str | None]
"""Gives the text for a track; ``None`` where it is not known."""


@dataclass(frozen=True, slots=True)
class TagField:
    """A result that is written. certainty: the column that says how certain it is. names: by family, with each text."""

    name: str
    description: str
    names: Mapping[Family, Sequence[tuple[str, Made]]]
    certainty: str | None = None


def _bpm(track: Track, spelling: Spelling) -> str | None:
    return _decimal(track, spelling) if spelling.bpm == "decimal" else _rounded(track, spelling)


def _rounded(track: Track, _: Spelling) -> str | None:
    bpm = track.results.get("bpm")
    return None if bpm is None else str(round(bpm))


def _decimal(track: Track, _: Spelling) -> str | None:
    bpm = track.results.get("bpm")
    return None if bpm is None else f"{bpm:.2f}".rstrip("0").rstrip(".")


def _key(track: Track, spelling: Spelling) -> str | None:
    if spelling.key != "text":
        found = track.results.get(spelling.key)
        return None if found is None else str(found)
    root, _, mode = str(track.results.get("key") or "").partition(" ")
    return root + ("m" if mode == "minor" else "") if root else None


def _gain(track: Track, _: Spelling) -> str | None:
    gain = track.results.get("replaygain_track_gain_db")
    return None if gain is None else f"{gain:.2f} dB"


def _peak(track: Track, _: Spelling) -> str | None:
    peak = track.results.get("replaygain_track_peak")
    return None if peak is None else f"{peak:.6f}"


def _album_gain(track: Track, _: Spelling) -> str | None:
    loudness = track.results.get("album_loudness_lufs")
    return None if loudness is None else f"{REPLAYGAIN_REFERENCE_LUFS - loudness:.2f} dB"


def _album_peak(track: Track, _: Spelling) -> str | None:
    peak = track.results.get("album_peak")
    return None if peak is None else f"{peak:.6f}"


def _r128(track: Track, _: Spelling) -> str | None:
    return _r128_steps(track.results.get("loudness_lufs"))


def _album_r128(track: Track, _: Spelling) -> str | None:
    return _r128_steps(track.results.get("album_loudness_lufs"))


def _r128_steps(loudness: float | None) -> str | None:
    """Steps of 1/256 dB to -23 LUFS; what is decoded has the gain of the header already (RFC 7845, 5.2.1)."""
    if loudness is None:
        return None
    return str(max(-MOST_R128, min(MOST_R128 - 1, round(256 * (R128_REFERENCE_LUFS - loudness)))))


def _energy(track: Track, _: Spelling) -> str | None:
    """From 1 to 10, as programs for DJs write it."""
    energy = track.results.get("energy")
    return None if energy is None else f"Energy {max(1, min(10, round(energy * 10)))}"


def _named(made: Made, vorbis: str, id3: str, mp4: str, asf: str) -> dict[Family, list[tuple[str, Made]]]:
    names = {Family.VORBIS: vorbis, Family.OPUS: vorbis, Family.ID3: id3, Family.MP4: mp4, Family.ASF: asf}
    return {family: [(name, made)] for family, name in names.items()}


def _gains(
    what: str, gain_made: Made, peak_made: Made, r128_made: Made
) -> dict[Family, list[tuple[str, Made]]]:
    """The names of the gain and peak of a ``TRACK`` or ``ALBUM``."""
    gain, peak = f"REPLAYGAIN_{what}_GAIN", f"REPLAYGAIN_{what}_PEAK"
    before = {Family.VORBIS: "", Family.ID3: "TXXX:", Family.MP4: ITUNES, Family.ASF: ""}
    found: dict[Family, list[tuple[str, Made]]] = {
        family: [(start + gain, gain_made), (start + peak, peak_made)] for family, start in before.items()
    }
    for family in (Family.MP4, Family.ASF):
        found[family] = [(name.replace(gain, gain.lower()), made) for name, made in found[family]]
        found[family] = [(name.replace(peak, peak.lower()), made) for name, made in found[family]]
    return found | {Family.OPUS: [(f"R128_{what}_GAIN", r128_made)]}


_TEMPO = _named(_bpm, "BPM", "TBPM", "tmpo", "WM/BeatsPerMinute")
_TEMPO[Family.MP4] = [("tmpo", _rounded), (ITUNES + "BPM", _decimal)]
FIELDS: Mapping[str, TagField] = {
    field.name: field
    for field in (
        TagField("bpm", "tempo", _TEMPO, "bpm_confidence"),
        TagField(
            "key",
            "musical key",
            _named(_key, "INITIALKEY", "TKEY", ITUNES + "initialkey", "WM/InitialKey"),
            "key_confidence",
        ),
        TagField(
            "replaygain",
            "gain to -18 LUFS and true peak; in Opus the gain to -23 LUFS",
            _gains("TRACK", _gain, _peak, _r128),
        ),
        TagField(
            ALBUM,
            "the same of the album, which is the files of one folder with the same names of album and album artist",
            _gains("ALBUM", _album_gain, _album_peak, _album_r128),
        ),
        TagField(
            "energy",
            "energy from 1 to 10, as grouping",
            _named(_energy, "GROUPING", "TIT1", "\u00a9grp", "WM/ContentGroupDescription"),
        ),
    )
}
"""What can be written, by name."""
USUAL = ("bpm", "key", "replaygain", ALBUM)
"""What is written unless something else is asked for."""


def _text(vorbis: str, id3: str, mp4: str, asf: str | None) -> Mapping[Family, str | None]:
    return {Family.VORBIS: vorbis, Family.OPUS: vorbis, Family.ID3: id3, Family.MP4: mp4, Family.ASF: asf}


TEXTS: Mapping[str, Mapping[Family, str | None]] = {
    "title": _text("TITLE", "TIT2", "\u00a9nam", None),
    "artist": _text("ARTIST", "TPE1", "\u00a9ART", None),
    "album": _text("ALBUM", "TALB", "\u00a9alb", "WM/AlbumTitle"),
    "album_artist": _text("ALBUMARTIST", "TPE2", "aART", "WM/AlbumArtist"),
    "genre": _text("GENRE", "TCON", "\u00a9gen", "WM/Genre"),
}
"""Texts that a person can set, and what each form calls them; ``None`` where it keeps them elsewhere."""
MOST_TEXT = 1000
"""Characters of a text."""
