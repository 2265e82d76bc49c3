"""The loudness and the peak of albums, from what is stored of their tracks; nothing is decoded for it."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from tonearm.analysis.loudness_blocks import joined_loudness
from tonearm.views.albums import AlbumKey, Albums, AlbumSounds, MeasuredLoudness, album_key
from tonearm.views.renamable import Renamable

KEPT_FOLDERS = 16
"""Folders are read once while files come in the order of their paths: those of discs and albums beside each other."""


class AlbumGains:
    """Tells what is written about the album of a file."""

    def __init__(self, sounds: AlbumSounds) -> None:
        self._sounds = sounds
        self._folders: OrderedDict[tuple[int, bytes], Albums] = OrderedDict()

    def of(self, each: Renamable) -> Mapping[str, Any]:
        """``album_loudness_lufs`` and ``album_peak``; nothing without an album, or before it is measured.

        Raises StorageError.
        """
        track = each.track
        key = album_key(each.file.root, each.file.path, track.album, track.album_artist)
        return {} if key is None else joined(self._album(key))

    def _album(self, key: AlbumKey) -> Sequence[MeasuredLoudness | None]:
        place = key.root, key.folder
        albums = self._folders.pop(place, None)
        if albums is None:
            albums = self._sounds.below(key.root, key.folder)
        self._folders[place] = albums
        if len(self._folders) > KEPT_FOLDERS:
            self._folders.popitem(last=False)
        return albums.get(key, ())


def joined(tracks: Sequence[MeasuredLoudness | None]) -> dict[str, Any]:
    """What is told of an album of these tracks, each as long as it is; nothing where one was not measured."""
    measured = [track for track in tracks if track is not None]
    if not measured or len(measured) < len(tracks):
        return {}
    loudness = joined_loudness(track.blocks for track in measured if track.blocks is not None)
    peaks = [track.peak for track in measured if track.peak is not None]
    if loudness is None:
        return {}
    return {"album_loudness_lufs": loudness, "album_peak": max(peaks, default=None)}
