"""Converts the tags that mutagen reads from each format to one form."""

import base64
import binascii
import encodings.cp1252
import encodings.latin_1
import encodings.utf_16
import encodings.utf_16_be
import encodings.utf_16_le  # noqa: F401  codecs load when first used, and a sealed process can load nothing
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from mutagen import apev2, asf, flac, id3, mp4, oggflac, oggopus, oggvorbis

from tonearm.analysis.chunks import aiff_texts, id3_chunk, riff_texts
from tonearm.analysis.file_window import AIFF, ASF, FLAC, MP3, MP4, OGG, WAV, Kind, Window

Opener = Callable[[Window], Any]

OPEN_ID3: Opener = id3.ID3
OPEN_APE: Opener = apev2.APEv2
OPEN_FLAC: Opener = flac.FLAC
OPEN_MP4: Opener = mp4.MP4
OPEN_ASF: Opener = asf.ASF
OPEN_OGG_VORBIS: Opener = oggvorbis.OggVorbis
OPEN_OGG_OPUS: Opener = oggopus.OggOpus
OPEN_OGG_FLAC: Opener = oggflac.OggFLAC
PARSE_PICTURE: Callable[[bytes], Any] = flac.Picture
"""Mutagen has no types of its own."""

MAX_ENTRIES = 500
MAX_CHARACTERS = 4000
CUT = " […]"
MIME_BY_COVER = {mp4.MP4Cover.FORMAT_JPEG: "image/jpeg", mp4.MP4Cover.FORMAT_PNG: "image/png"}
TEXT_ATOMS = (mp4.AtomDataType.IMPLICIT, mp4.AtomDataType.UTF8, mp4.AtomDataType.HTML, mp4.AtomDataType.XML)


@dataclass(slots=True)
class Found:
    """The tags of a file, each value shortened and cleaned; ``entries`` counts the values."""

    values: dict[str, list[str]] = field(default_factory=dict)
    art_count: int = 0
    art_bytes: int = 0
    art_mime: str | None = None
    entries: int = 0

    def text(self, key: str, value: object) -> None:
        """Add a value, unless there are ``MAX_ENTRIES`` already."""
        cleaned = clean(str(value))
        if cleaned and self.entries < MAX_ENTRIES:
            self.values.setdefault(clean(key)[:200], []).append(cleaned)
            self.entries += 1

    def binary(self, key: str, size: int) -> None:
        """Add a value that is not text, by its size."""
        self.text(key, f"<binary {size} bytes>")

    def picture(self, key: str, mime: str, size: int) -> None:
        """Count an embedded picture."""
        self.art_count += 1
        self.art_bytes += size
        self.art_mime = self.art_mime or clean(mime)[:100]
        self.text(key, f"<picture {mime} {size} bytes>")


def clean(text: str) -> str:
    """Return text that every database accepts: no NULs, no lone surrogates, not too long, no surrounding blanks."""
    if len(text) > MAX_CHARACTERS:
        text = text[:MAX_CHARACTERS] + CUT
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8").strip()


def read_found(kind: Kind, whole: Window, audio: Window) -> Found:
    """Read the tags of a file; ``audio`` is the part without tags around it.

    Raises any exception that damaged tags make mutagen raise.
    """
    found = Found()
    readers: dict[Kind, Callable[[Window, Found], None]] = {
        MP3: _mp3,
        FLAC: _flac,
        WAV: _wav,
        AIFF: _aiff,
        MP4: _mp4,
        ASF: _asf,
        OGG: _ogg,
    }
    file = audio if kind is FLAC else whole
    file.seek(0)
    readers[kind](file, found)
    return found


def _mp3(file: Window, found: Found) -> None:
    with suppress(id3.ID3NoHeaderError):
        _id3(OPEN_ID3(file), found)
    file.seek(0)
    with suppress(apev2.APENoHeaderError):
        _ape(OPEN_APE(file), found)


def _wav(file: Window, found: Found) -> None:
    for key, raw in riff_texts(file):
        found.text(key, _decoded(raw))
    _id3_chunk(id3_chunk(file, "little"), found)


def _aiff(file: Window, found: Found) -> None:
    for key, raw in aiff_texts(file):
        found.text(key, _decoded(raw))
    _id3_chunk(id3_chunk(file, "big"), found)


def _id3_chunk(chunk: Window | None, found: Found) -> None:
    if chunk is not None:
        with suppress(id3.ID3NoHeaderError):
            _id3(OPEN_ID3(chunk), found)


def _flac(file: Window, found: Found) -> None:
    opened = OPEN_FLAC(file)
    _comments(opened.tags, found)
    for picture in opened.pictures:
        found.picture("PICTURE", picture.mime, len(picture.data))


def _ogg(file: Window, found: Found) -> None:
    start = file.part(0, 4096)
    file.seek(0)
    if b"OpusHead" in start:
        opener = OPEN_OGG_OPUS
    elif b"\x7fFLAC" in start:
        opener = OPEN_OGG_FLAC
    else:
        opener = OPEN_OGG_VORBIS
    _comments(opener(file).tags, found)


def _decoded(raw: bytes) -> str:
    raw = raw.rstrip(b"\0")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _id3(tags: Any, found: Found) -> None:
    for frame in (tags or {}).values():
        _id3_frame(frame, found)


def _id3_frame(frame: Any, found: Found) -> None:
    name = str(frame.FrameID)
    key = str(frame.HashKey) if name in ("TXXX", "COMM", "USLT", "WXXX", "UFID", "PRIV") else name
    key = key if key.isprintable() else name
    if name in ("APIC", "PIC"):
        found.picture(name, frame.mime, len(frame.data))
    elif name == "TCON":
        for genre in frame.genres:
            found.text(name, genre)
    elif hasattr(frame, "people"):
        for role, person in frame.people:
            found.text(name, f"{role}: {person}")
    elif hasattr(frame, "text"):
        for text in frame.text if isinstance(frame.text, list) else [frame.text]:
            found.text(key, text[1] if isinstance(text, tuple) else text)
    elif hasattr(frame, "url"):
        found.text(key, frame.url)
    elif isinstance(data := getattr(frame, "data", None), bytes):
        found.binary(key, len(data))
    else:
        found.text(name, frame.pprint().removeprefix(f"{name}="))


def _ape(tags: Any, found: Found) -> None:
    for key, value in tags.items():
        if isinstance(value, apev2.APEBinaryValue):
            _ape_binary(key, bytes(value), found)
        else:
            for text in value:
                found.text(key, text)


def _ape_binary(key: str, data: bytes, found: Found) -> None:
    if key.lower().startswith("cover art"):
        picture = data.partition(b"\0")[2]
        mime = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
        found.picture(key, mime, len(picture))
    else:
        found.binary(key, len(data))


def _comments(comments: Iterable[tuple[str, str]] | None, found: Found) -> None:
    """Vorbis comments; pictures in them are FLAC picture blocks in base 64 (wiki.xiph.org/VorbisComment)."""
    for key, value in comments or ():
        if key.lower() == "metadata_block_picture":
            _picture_block(key, value, found)
        elif key.lower() == "coverart":
            found.picture(key, "image", len(value) * 3 // 4)
        else:
            found.text(key.upper(), value)


def _picture_block(key: str, value: str, found: Found) -> None:
    try:
        picture = PARSE_PICTURE(base64.b64decode(value))
    except (binascii.Error, ValueError, TypeError, OSError, IndexError) as error:
        found.text(key, f"<unreadable picture: {error}>")
    else:
        found.picture(key, picture.mime, len(picture.data))


def _mp4(file: Window, found: Found) -> None:
    for key, values in (OPEN_MP4(file).tags or {}).items():
        for value in values if isinstance(values, list) else [values]:
            _mp4_value(str(key), value, found)


def _mp4_value(key: str, value: Any, found: Found) -> None:
    if isinstance(value, mp4.MP4Cover):
        found.picture(key, MIME_BY_COVER.get(value.imageformat, "image"), len(value))
    elif isinstance(value, bytes):
        if getattr(value, "dataformat", mp4.AtomDataType.UTF8) in TEXT_ATOMS:
            found.text(key, _decoded(value))
        else:
            found.binary(key, len(value))
    elif isinstance(value, tuple):
        number, total = value
        found.text(key, f"{number}/{total}" if total else number or "")
    else:
        found.text(key, value)


def _asf(file: Window, found: Found) -> None:
    for key, attribute in OPEN_ASF(file).tags or ():
        value = getattr(attribute, "value", attribute)
        if key == "WM/Picture" and isinstance(value, bytes):
            _asf_picture(key, value, found)
        elif isinstance(value, bytes):
            found.binary(key, len(value))
        else:
            found.text(key, value)


def _asf_picture(key: str, data: bytes, found: Found) -> None:
    """A WM_PICTURE: kind (1 byte), size (4), type and description as UTF-16 with a NUL behind, the picture."""
    size = int.from_bytes(data[1:5], "little")
    mime = data[5:205].decode("utf-16-le", "replace").partition("\0")[0]
    found.picture(key, mime, min(size, len(data)))
