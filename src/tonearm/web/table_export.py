"""The tracks of the table as a file to keep: comma-separated values, or a playlist."""

from collections.abc import Iterator, Sequence

from tonearm.errors import ConfigurationError
from tonearm.export.csv_table import CsvWriter
from tonearm.export.exported import CanNotHold, Exported, Writer
from tonearm.export.playlist import PlaylistWriter
from tonearm.export.table_columns import table_columns
from tonearm.views.tracks import TrackQuery
from tonearm.web.service_parts import Parts

FORMATS = {"csv": "text/csv; charset=utf-8", "m3u8": "application/vnd.apple.mpegurl"}
"""The formats, and the media type of each."""
PIECE_BYTES = 65_536


class _Written(bytearray):
    """What was written since it was last taken."""

    def write(self, data: bytes, /) -> None:
        self.extend(data)

    def taken(self) -> bytes:
        found = bytes(self)
        self.clear()
        return found


def exported(parts: Parts, query: TrackQuery, form: str, names: Sequence[str]) -> Iterator[bytes]:
    """The file in pieces, read page by page. names: the columns of a table. Raises ConfigurationError at once."""
    if form not in FORMATS:
        raise ConfigurationError(f"format: {form!r} is none of {', '.join(FORMATS)}")
    written = _Written()
    return _pieces(parts, query, _writer(form, names, written), written)


def _pieces(parts: Parts, query: TrackQuery, writer: Writer, written: _Written) -> Iterator[bytes]:
    left_out = 0
    writer.begin()
    for track in parts.library.tracks.each(query):
        try:
            writer.add(Exported(track, None, track.path, ()))
        except CanNotHold:  # only a playlist leaves tracks out
            left_out += 1
        if len(written) > PIECE_BYTES:
            yield written.taken()
    writer.end()
    if left_out:
        written.write(_said_of(left_out))
    yield written.taken()


def _said_of(left_out: int) -> bytes:
    """The comment at the end of a playlist that lacks tracks."""
    said = (
        "1 track is left out: its name is"
        if left_out == 1
        else f"{left_out:,} tracks are left out: their names are"
    )
    return f"# {said} not UTF-8 or on several lines, which a playlist can't hold\n".encode()


def _writer(form: str, names: Sequence[str], written: _Written) -> Writer:
    if form == "m3u8":
        return PlaylistWriter(written)
    known = {each.name: each for each in table_columns()}
    return CsvWriter(written, [known[name] for name in names if name in known])
