"""Where ID3v2 tags are: before the audio of MP3, in a chunk of WAV and of AIFF."""

from collections.abc import Sequence
from typing import Literal

from tonearm.analysis.file_window import Window
from tonearm.analysis.wav import wav_layout
from tonearm.naming.splices import Splice
from tonearm.tagging.form import MOST_TAG_BYTES, Texts, Unwritable, Values
from tonearm.tagging.id3 import HEADER_BYTES, Id3Tag, tag_bytes

MOST_CHUNKS = 10_000
MOST_FORM_BYTES = (1 << 32) - 2


class Mp3Tags:
    """The tag before the audio of an MP3 file; a new one is of version 2.3, which most programs read."""

    def __init__(self, window: Window) -> None:
        """Raises Unwritable and OSError."""
        size = tag_bytes(window.part(0, HEADER_BYTES))
        if size > min(MOST_TAG_BYTES, window.size):
            raise Unwritable("tags-damaged")
        self._data = window.part(0, size)
        self._tag = Id3Tag(self._data)

    def texts(self, names: Sequence[str]) -> Texts:
        """The texts of some names."""
        return self._tag.texts(names)

    @property
    def layout(self) -> str:
        """That of the tag."""
        return self._tag.layout

    def entries(self, names: Sequence[str]) -> dict[str, list[bytes]]:
        """The frames of some names, whole."""
        return self._tag.entries(names)

    def splices(self, changes: Values) -> list[Splice]:
        """Another tag. Raises Unwritable."""
        return [Splice(0, self._data, self._tag.changed(changes))]


class ChunkTags:
    """The tag in a chunk of a WAV (RIFF) or AIFF (FORM) file; a new chunk comes to the end."""

    def __init__(self, window: Window) -> None:
        """Raises Unwritable, also for RF64 and BW64, and OSError."""
        self._form = window.part(0, 12)
        if self._form[:4] in (b"RF64", b"BW64"):
            raise Unwritable("large-wave")
        if self._form[:4] != b"FORM" and not _tells_data_size(window):
            raise Unwritable("container-damaged")
        self._order: Literal["little", "big"] = "little" if self._form[:4] == b"RIFF" else "big"
        self._name = b"ID3 " if self._form[:4] == b"FORM" else b"id3 "
        self._end = 8 + int.from_bytes(self._form[4:8], self._order)
        self._chunk, self._unpadded = self._walk(window)
        self._tag = Id3Tag(self._chunk[1][8 : 8 + self._tag_size()] if self._chunk else b"")

    def _walk(self, window: Window) -> tuple[tuple[int, bytes] | None, int]:
        """The chunk of the tag; every chunk must lead to the next one, and the last to the end of the form.

        The number is 1 where the last chunk lacks the byte behind its odd size.
        """
        found: tuple[int, bytes] | None = None
        if self._end > window.size:
            raise Unwritable("container-damaged")
        at, number = 12, 0
        while at < self._end:
            head = window.part(at, 8)
            size = int.from_bytes(head[4:8], self._order)
            end = at + 8 + size + size % 2
            number += 1
            if len(head) < 8 or number > MOST_CHUNKS or at + 8 + size > self._end:
                raise Unwritable("container-damaged")
            if head[:4].lower() == b"id3 ":
                if found is not None or size > MOST_TAG_BYTES:
                    raise Unwritable("container-damaged")
                found = at, window.part(at, min(end, self._end) - at)
            at = end
        return found, at - self._end

    def _tag_size(self) -> int:
        assert self._chunk is not None  # noqa: S101  only asked for where it is there
        data = self._chunk[1]
        size = tag_bytes(data[8 : 8 + HEADER_BYTES])
        if not size or 8 + size > len(data):
            raise Unwritable("tags-damaged")
        return size

    def texts(self, names: Sequence[str]) -> Texts:
        """The texts of some names."""
        return self._tag.texts(names)

    @property
    def layout(self) -> str:
        """That of the tag."""
        return self._tag.layout

    def entries(self, names: Sequence[str]) -> dict[str, list[bytes]]:
        """The frames of some names, whole."""
        return self._tag.entries(names)

    def splices(self, changes: Values) -> list[Splice]:
        """Another chunk, and the size of the form. Raises Unwritable."""
        tag = self._tag.changed(changes)
        if self._chunk is not None:
            at, old = self._chunk
            declared = int.from_bytes(old[4:8], self._order)
            tag += old[8 + self._tag_size() : 8 + declared]  # what follows the tag in its chunk
            name = old[:4]
        else:
            at, old, name = self._end, b"", self._name
        new = name + len(tag).to_bytes(4, self._order) + tag + b"\0" * (len(tag) % 2)
        if self._chunk is None:
            new = b"\0" * self._unpadded + new
        size = self._end - 8 + len(new) - len(old)
        if size > MOST_FORM_BYTES:
            raise Unwritable("tags-too-large")
        return [Splice(4, self._form[4:8], size.to_bytes(4, self._order)), Splice(at, old, new)]


def _tells_data_size(window: Window) -> bool:
    """Whether a WAV file says how large its data are; otherwise they go to the end, where a chunk would be heard."""
    layout = wav_layout(window)
    return layout is not None and bool(layout.declared_bytes)
