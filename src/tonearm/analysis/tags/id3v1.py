"""Reads ID3v1 and ID3v1.1: 128 bytes at the end of a file (id3.org, ID3v1)."""

from tonearm.analysis.tags.genres import GENRES
from tonearm.analysis.tags.tag_set import TagSet
from tonearm.analysis.tags.text import unmarked

FIELDS = (("TIT2", 3, 33), ("TPE1", 33, 63), ("TALB", 63, 93), ("TYER", 93, 97))


def read_id3v1(tag: bytes) -> TagSet:
    """Read the 128 bytes of a tag, whose fields are named as those of ID3v2."""
    found = TagSet("ID3v1")
    for key, start, end in FIELDS:
        _add(found, key, tag[start:end])
    comment = tag[97:127]
    if comment[28] == 0 and comment[29]:  # ID3v1.1
        _add(found, "COMM", comment[:28])
        found.write("TRCK", str(comment[29]))
    else:
        _add(found, "COMM", comment)
    if tag[127] < len(GENRES):
        found.write("TCON", GENRES[tag[127]])
    return found


def _add(found: TagSet, key: str, raw: bytes) -> None:
    text = raw.partition(b"\0")[0].rstrip(b" ")
    if text:
        found.add(key, unmarked(text))
