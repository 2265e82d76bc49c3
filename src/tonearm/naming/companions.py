"""Files that belong to a track or an album and go with it: cue sheets, lyrics, art, logs."""

import os
import re
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tonearm.names import extension_of, plain_extensions

OF_TRACK = (
    b".lrc",
    b".txt",
    b".cue",
    b".log",
    b".jpg",
    b".jpeg",
    b".png",
    b".webp",
    b".nfo",
    b".srt",
    b".vtt",
)
OF_ALBUM = (
    *OF_TRACK,
    b".m3u",
    b".m3u8",
    b".pls",
    b".pdf",
    b".accurip",
    b".md5",
    b".ffp",
    b".sfv",
    b".gif",
    b".bmp",
    b".toc",
)
CUE_BYTES = 1 << 20
_CUE_FILE = re.compile(rb'^\s*FILE\s+(?:"([^"\r\n]*)"|(\S+))', re.MULTILINE | re.IGNORECASE)
KEPT = 64
"""Listings of folders that are kept."""


@dataclass(slots=True)
class Listing:
    """What is in a folder. others: files that are no music, in order; claimed: those of them that go with a track."""

    music: set[bytes] = field(default_factory=set)
    others: list[bytes] = field(default_factory=list)
    folders: set[bytes] = field(default_factory=set)
    claimed: set[bytes] = field(default_factory=set)
    in_cue_sheets: set[bytes] = field(default_factory=set)


class Companions:
    """Finds what goes along. ``extensions``: of music."""

    def __init__(self, extensions: Sequence[str]) -> None:
        self._music = plain_extensions(extensions).keys()
        self._listings: OrderedDict[bytes, Listing] = OrderedDict()

    def listing(self, folder: bytes) -> Listing:
        """What is in a folder; empty where it can't be read."""
        found = self._listings.get(folder)
        if found is None:
            found = self._listings[folder] = self._read(folder)
            if len(self._listings) > KEPT:
                self._listings.popitem(last=False)
        return found

    def of_track(self, folder: bytes, name: bytes) -> list[tuple[bytes, bytes]]:
        """Files that are named like a track, with what follows the common beginning; each is given once."""
        listing = self.listing(folder)
        if not listing.others:
            return []
        stem = os.path.splitext(name)[0]
        first = bisect_left(listing.others, stem + b".")
        end = bisect_left(listing.others, stem + b"/")  # the character after the dot, which no name has
        found = [
            other
            for other in listing.others[first:end]
            if other not in listing.claimed and other.lower().endswith(OF_TRACK)
        ]
        listing.claimed.update(found)
        return [(other, other[len(stem) :]) for other in found]

    def of_album(self, folder: bytes) -> list[bytes]:
        """Files of a folder that belong to all of its tracks."""
        return [name for name in self.listing(folder).others if name.lower().endswith(OF_ALBUM)]

    def _read(self, folder: bytes) -> Listing:
        listing = Listing()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        listing.folders.add(entry.name)
                    elif extension_of(entry.name) in self._music:
                        listing.music.add(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        listing.others.append(entry.name)
        except OSError:
            return listing
        finally:
            listing.others.sort()
        for name in listing.others:
            if name.lower().endswith(b".cue"):
                listing.in_cue_sheets |= _named_in(os.path.join(folder, name))
        return listing


def _named_in(path: bytes) -> set[bytes]:
    """The files that a cue sheet names."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            text = file.read(CUE_BYTES)
    except OSError:
        return set()
    return {os.path.basename(quoted or bare) for quoted, bare in _CUE_FILE.findall(text)}
