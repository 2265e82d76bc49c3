"""Reads all tags of a file, of every form that the file has; what is damaged costs itself alone, never an error."""

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from tonearm.analysis.bounds import TimeIsUp, bounded
from tonearm.analysis.chunks import (
    aiff_texts,
    caf_texts,
    dff_texts,
    id3_chunk,
    riff_order,
    riff_texts,
    wide_chunks,
)
from tonearm.analysis.file_window import (
    ID3V1_BYTES,
    RawFile,
    Window,
    find_audio,
    leading_ape_bytes,
    leading_tag_bytes,
    os_reason,
    without_last_tag,
)
from tonearm.analysis.kinds import (
    AIFF,
    ASF,
    CAF,
    DFF,
    DSF,
    FLAC,
    MATROSKA,
    MP3,
    MP4,
    OGG,
    WAV,
    ContainerFormat,
)
from tonearm.analysis.tags.ape import ape_items, read_ape
from tonearm.analysis.tags.asf import read_asf
from tonearm.analysis.tags.fields import Fields
from tonearm.analysis.tags.id3v1 import read_id3v1
from tonearm.analysis.tags.id3v2 import read_id3v2
from tonearm.analysis.tags.matroska import read_matroska
from tonearm.analysis.tags.mp4 import read_mp4
from tonearm.analysis.tags.ogg import read_ogg
from tonearm.analysis.tags.tag_set import Entry, TagSet
from tonearm.analysis.tags.text import legacy_encoding, unmarked
from tonearm.analysis.tags.vorbis import read_flac_blocks
from tonearm.errors import Fault, FileFault
from tonearm.library.file_contents import TEXT_TAGS, Tags

MEMORY_BYTES = 192 << 20
SECONDS = 10.0
MAX_ENTRIES = 500
MAX_CHARACTERS = 4000
MAX_RAW_BYTES = 3000
MAX_TAGS = 50
CUT = " […]"
DETECT = "auto"


def read_tags(file: RawFile, legacy: str = DETECT, seconds: float | None = None) -> Tags:
    """Read the tags of an open file, whose position moves, in bounded memory and time: ``seconds``, or ``SECONDS``.

    ``legacy``: the encoding of text that is not marked and not UTF-8; by default it is detected. ``warning`` of the
    result reports damage. Raises ``FileFault`` as ``find_audio`` does for what is no music file and can't be read.
    """
    seconds = SECONDS if seconds is None else seconds
    whole = Window(file, 0, file.seek(0, 2))
    try:
        kind, audio = find_audio(file)
    except FileFault as fault:
        if fault.fault not in (Fault.DAMAGED_HEADER, Fault.UNSUPPORTED_FORMAT):
            raise
        kind, audio = MP3, whole  # there may be tags around what can't be read
    found: list[TagSet] = []
    stopped = None
    try:
        with bounded(MEMORY_BYTES, seconds):
            for tag in _tags(kind, whole, audio):
                found.append(tag)  # noqa: PERF402  what was read stays when reading the next one fails
    except MemoryError:
        stopped = "the tags ask for too much memory; the rest was left unread"
    except TimeIsUp:
        stopped = f"the tags could not be read within {seconds:.0f} s"
    except OSError as error:
        stopped = f"the tags can't be read: {os_reason(error)}"
    return _chosen(found, legacy, stopped)


def _tags(kind: ContainerFormat, whole: Window, audio: Window) -> Iterator[TagSet]:
    """Every tag of a file, the most trusted first: those of its own container, ID3v2, APEv2, ID3v1."""
    own: dict[ContainerFormat, Callable[[Window], Sequence[TagSet]]] = {
        FLAC: lambda window: [read_flac_blocks(window, 4)],
        OGG: lambda window: [read_ogg(window, 0)],
        MP4: lambda window: read_mp4(window, 0),
        ASF: lambda window: [read_asf(window, 0)],
        WAV: _wav,
        AIFF: _aiff,
        DSF: _dsf,
        DFF: _dff,
        CAF: lambda window: [_texts("CAF", caf_texts(window))],
        MATROSKA: lambda window: [read_matroska(window)],
    }
    if kind in own:
        yield from own[kind](audio)
    at = 0
    for _ in range(MAX_TAGS):
        if (size := leading_tag_bytes(whole, at)) is not None:
            yield read_id3v2(whole, at)
        elif (size := leading_ape_bytes(whole, at)) is not None:
            if (items := ape_items(whole, at + size)) is not None:
                yield read_ape(whole, *items)
        else:
            break
        at += size
    yield from _tags_at_the_end(whole, audio)


def _tags_at_the_end(whole: Window, audio: Window) -> Iterator[TagSet]:
    """Tags behind the audio; ID3v1, which has the least room, last."""
    end, oldest = whole.size, None
    for _ in range(MAX_TAGS):
        start = without_last_tag(whole, end)
        if start >= end or start < audio.start:
            break
        if (items := ape_items(whole, end)) is not None:
            yield read_ape(whole, *items)
        elif end - start == ID3V1_BYTES and whole.part(start, 3) == b"TAG":
            oldest = oldest or read_id3v1(whole.part(start, ID3V1_BYTES))
        elif leading_tag_bytes(whole, start) is not None:
            yield read_id3v2(whole, start)
        end = start
    if oldest is not None:
        yield oldest


def _wav(file: Window) -> Sequence[TagSet]:
    return [*_id3_chunk(file, riff_order(file)), _texts("RIFF INFO", riff_texts(file))]


def _aiff(file: Window) -> Sequence[TagSet]:
    return [*_id3_chunk(file, "big"), _texts("AIFF", aiff_texts(file))]


def _dsf(file: Window) -> Sequence[TagSet]:
    """The ID3v2 tag that the header of a DSF file points to (Sony, DSF File Format Specification)."""
    at = int.from_bytes(file.part(20, 8), "little")
    return [read_id3v2(file, at)] if at and leading_tag_bytes(file, at) is not None else []


def _dff(file: Window) -> Sequence[TagSet]:
    """ID3v2 in a chunk of its own, and the texts of DSDIFF (Philips, DSDIFF File Format Specification)."""
    found = [
        read_id3v2(file, at)
        for name, at, _ in wide_chunks(file, 16)
        if name == b"ID3 " and leading_tag_bytes(file, at) is not None
    ]
    return [*found, _texts("DSDIFF", dff_texts(file))]


def _id3_chunk(file: Window, order: Literal["little", "big"]) -> Sequence[TagSet]:
    chunk = id3_chunk(file, order)
    if chunk is None or leading_tag_bytes(chunk, 0) is None:
        return []
    return [read_id3v2(chunk, 0)]


def _texts(form: str, texts: Iterator[tuple[str, bytes]]) -> TagSet:
    found = TagSet(form)
    for key, raw in texts:
        if said := raw.rstrip(b"\0"):
            found.add(key, unmarked(said))
    return found


def _chosen(found: Sequence[TagSet], legacy: str, stopped: str | None) -> Tags:
    if legacy == DETECT:
        legacy = legacy_encoding(
            [e.text.raw for tag in found for e in tag.entries if e.text.legacy and e.text.raw is not None]
        )
    fields = Fields.of(found, legacy)
    track, track_total = fields.number("track")
    disc, disc_total = fields.number("disc")
    original_year = fields.year("original_year")
    pictures = [picture for tag in found for picture in tag.pictures]
    chosen = {name: fields.text(name) for name in TEXT_TAGS}
    year = fields.year("year")
    track_total = track_total or fields.number("track_total")[0]
    disc_total = disc_total or fields.number("disc_total")[0]
    everything, exact, left_out = _everything(found, fields)
    problems = [problem for tag in found for problem in tag.problems]
    if left_out:
        problems.append(f"there are more than {MAX_ENTRIES} tags; {left_out:,} were left out")
    return Tags(
        **{name: clean(text) if text else None for name, text in chosen.items()},
        track=track,
        track_total=track_total,
        disc=disc,
        disc_total=disc_total,
        year=original_year if year is None else year,
        original_year=original_year,
        art_count=len(pictures),
        art_bytes=sum(picture.size for picture in pictures),
        art_mime=clean(pictures[0].mime)[:100] if pictures else None,
        everything=everything,
        exact=exact,
        warning=_warning([*([stopped] if stopped else []), *problems]),
    )


def _everything(
    found: Sequence[TagSet], fields: Fields
) -> tuple[dict[str, list[str]], dict[str, list[str | None]], int]:
    """All values by key, the exact bytes of those that text can't hold, and how many were left out.

    Of the values beyond ``MAX_ENTRIES`` only those are kept that a field was taken from. A later tag adds nothing that
    an earlier one holds, or holds in full, under the same key.
    """
    everything: dict[str, list[str]] = {}
    exact: dict[str, list[str | None]] = {}
    kept = left_out = 0
    for number, tag in enumerate(found):
        known = {key: tuple(values) for key, values in everything.items()} if number else {}
        for entry in tag.entries:
            text = entry.text.decoded(fields.legacy)
            key = storable(entry.key)
            shown = _shortened(storable(text))
            if not shown or any(value.startswith(shown) for value in known.get(key, ())):
                continue
            if kept >= MAX_ENTRIES and id(entry) not in fields.chosen:
                left_out += 1
                continue
            kept += 1
            everything.setdefault(key, []).append(shown)
            exact.setdefault(key, []).append(_bytes_of(entry, text))
    return everything, {key: values for key, values in exact.items() if any(values)}, left_out


def _bytes_of(entry: Entry, text: str) -> str | None:
    """The bytes of a value in base 64, cut to ``MAX_RAW_BYTES``; ``None`` where the text says them all."""
    raw = entry.text.raw
    if raw is None:
        if storable(text) == text:
            return None
        raw = text.encode("utf-8", "surrogatepass")
    return base64.b64encode(raw[:MAX_RAW_BYTES]).decode("ascii")


def _warning(problems: Sequence[str]) -> str | None:
    if not problems:
        return None
    more = len(problems) - 1
    return clean(problems[0])[:300] + (f" (and {more} more)" if more else "")


def storable(text: str) -> str:
    """Text that every database accepts: a blank for each NUL, a question mark for each lone surrogate."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + CUT


def clean(text: str) -> str:
    """Text that every database accepts, not too long, and without blanks around it."""
    return storable(_shortened(text)).strip()
