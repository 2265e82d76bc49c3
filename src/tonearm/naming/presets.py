"""Templates for common collections."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """A template with a name."""

    template: str
    description: str


PRESETS: Mapping[str, Preset] = {
    "dj": Preset(
        "{artist} - {title}< [{bpm:.0f}< {camelot}>]>",
        "artist, title, tempo and key; files stay in their folders",
    ),
    "archive": Preset(
        "{album_artist|artist}/<{original_year|year} - >{album}/<<{disc}->{track:02} - >{title}",
        "a folder for each artist, below it one for each album with its year",
    ),
    "media-server": Preset(
        "{album_artist|artist}/{album}< ({year})>/<<{disc:02}->{track:02} - >{title}",
        "artist, album with year, disc and track, as Jellyfin, Plex and Kodi read them",
    ),
}
"""The presets by their names."""
