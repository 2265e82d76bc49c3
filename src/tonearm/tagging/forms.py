"""Finds the form of the tags of a file by its contents."""

from tonearm.analysis.file_window import RawFile, Window, find_audio
from tonearm.analysis.kinds import AIFF, ASF, FLAC, MP3, MP4, OGG, WAV
from tonearm.errors import FileFault
from tonearm.tagging.asf import AsfTags
from tonearm.tagging.fields import Family
from tonearm.tagging.form import Form, Unwritable
from tonearm.tagging.id3_files import ChunkTags, Mp3Tags
from tonearm.tagging.mp4 import Mp4Tags
from tonearm.tagging.ogg import OggTags
from tonearm.tagging.vorbis import FlacTags


def form_of(file: RawFile, size: int) -> tuple[Family, Form]:
    """The tags of an open file of so many bytes. Raises Unwritable and OSError."""
    try:
        kind, audio = find_audio(file)
    except FileFault as error:
        raise Unwritable("format") from error
    window = Window(file, 0, size)
    if kind is FLAC:
        return Family.VORBIS, FlacTags(window, audio.start)
    if kind is MP3:
        return Family.ID3, Mp3Tags(window)
    if kind in (WAV, AIFF):
        return Family.ID3, ChunkTags(window)
    if kind is OGG:
        tags = OggTags(window)
        return (Family.OPUS if tags.is_opus else Family.VORBIS), tags
    if kind is MP4:
        return Family.MP4, Mp4Tags(window)
    if kind is ASF:
        return Family.ASF, AsfTags(window)
    raise Unwritable("format")
