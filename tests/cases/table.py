"""All cases. To add one, write a line into the module of its format."""

from tests.cases import aiff, ape, asf, matroska, mp4, mpeg_flac, ogg, refused, speakers, tags, wav
from tests.cases.case import Case

CASES: tuple[Case, ...] = (
    *wav.CASES,
    *ogg.CASES,
    *mpeg_flac.CASES,
    *mp4.CASES,
    *ape.CASES,
    *asf.CASES,
    *tags.CASES,
    *speakers.CASES,
    *aiff.CASES,
    *matroska.CASES,
    *refused.CASES,
)

LEAVINGS = (
    *(
        ".@__thumb",
        ".AppleDouble",
        "@Recycle",
        "#snapshot/GMT-1",
        "@Recently-Snapshot",
        ".snapshots/1",
        ".stversions",
    ),
    *("__MACOSX", "System Volume Information", "$RECYCLE.BIN/S-1-5-21", "lost+found", "#recycle", "@eaDir"),
)
"""Folders of NAS systems, Macs, Windows and sync programs, whose songs are none (rembo10/headphones#796,
nc-music/oc-music#976, LMS-Community/slimserver#144)."""
