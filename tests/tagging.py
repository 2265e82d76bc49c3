"""Writes the same tags into every format, as the programs do that people tag their music with."""

import base64
import io
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests import material

mutagen: Any = import_module("mutagen")  # it carries no types
apev2: Any = import_module("mutagen.apev2")
asf: Any = import_module("mutagen.asf")
flac: Any = import_module("mutagen.flac")
id3: Any = import_module("mutagen.id3")
mp4: Any = import_module("mutagen.mp4")

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(1000)


def retagged(name: str, change: Callable[[Any], None]) -> bytes:
    """Return a good file of a format after ``change`` was at its tags."""
    file = io.BytesIO(material.good(name))
    opened = mutagen.File(file)
    if opened.tags is None:
        opened.add_tags()
    change(opened)
    file.seek(0)
    opened.save(file)
    return file.getvalue()


def id3_tags(opened: Any) -> None:
    for frame in (
        id3.TIT2(encoding=3, text=["Größe ☃"]),
        id3.TPE1(encoding=1, text=["First", "Second"]),
        id3.TALB(encoding=3, text=["Album"]),
        id3.TPE2(encoding=3, text=["Album artist"]),
        id3.TRCK(encoding=3, text=["3/12"]),
        id3.TPOS(encoding=3, text=["1/2"]),
        id3.TDRC(encoding=3, text=["1999-12-31"]),
        id3.TCON(encoding=3, text=["(17)"]),
        id3.APIC(mime="image/png", type=3, desc="front", data=PICTURE),
    ):
        opened.tags.add(frame)


def vorbis_tags(opened: Any) -> None:
    opened["title"] = "Größe ☃"
    opened["artist"] = ["First", "Second"]
    opened["album"] = "Album"
    opened["albumartist"] = "Album artist"
    opened["tracknumber"], opened["tracktotal"] = "03", "12"
    opened["discnumber"], opened["disctotal"] = "1", "2"
    opened["date"], opened["genre"] = "1999-12-31", "Rock"
    made = flac.Picture()
    made.data, made.mime, made.type = PICTURE, "image/png", 3
    if isinstance(opened, flac.FLAC):
        opened.add_picture(made)
    else:
        opened["metadata_block_picture"] = base64.b64encode(made.write()).decode()


def mp4_tags(opened: Any) -> None:
    opened["©nam"], opened["©ART"], opened["©alb"] = ["Größe ☃"], ["First", "Second"], ["Album"]
    opened["aART"], opened["trkn"], opened["disk"] = ["Album artist"], [(3, 12)], [(1, 2)]
    opened["©day"], opened["©gen"] = ["1999-12-31"], ["Rock"]
    opened["covr"] = [mp4.MP4Cover(PICTURE, mp4.MP4Cover.FORMAT_PNG)]


def asf_tags(opened: Any) -> None:
    opened["Title"], opened["Author"], opened["WM/AlbumTitle"] = "Größe ☃", ["First", "Second"], "Album"
    opened["WM/AlbumArtist"], opened["WM/TrackNumber"], opened["TrackTotal"] = "Album artist", "3", "12"
    opened["WM/PartOfSet"], opened["WM/Year"], opened["WM/Genre"] = "1/2", "1999", "Rock"
    body = b"\x03" + len(PICTURE).to_bytes(4, "little") + "image/png\0front\0".encode("utf-16-le") + PICTURE
    opened["WM/Picture"] = [asf.ASFByteArrayAttribute(body)]


WRITERS = {
    "mp3": id3_tags,
    "wav": id3_tags,
    "aiff": id3_tags,
    "flac": vorbis_tags,
    "vorbis": vorbis_tags,
    "opus": vorbis_tags,
    "ogg-flac": vorbis_tags,
    "aac": mp4_tags,
    "alac": mp4_tags,
    "wma": asf_tags,
}
