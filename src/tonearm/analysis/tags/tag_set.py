"""What one tag of a file holds, in the order in which it is written."""

from dataclasses import dataclass, field

from tonearm.analysis.tags.text import Text

MAX_ENTRIES = 20_000
"""Entries of one tag beyond these are not read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One value. ``key``: the name under which the tag keeps it, without control characters."""

    key: str
    text: Text


@dataclass(frozen=True, slots=True)
class Picture:
    """An embedded picture: its media type as written, and its size in bytes."""

    mime: str
    size: int


@dataclass(slots=True)
class TagSet:
    """One tag. ``form``: such as "ID3v2". ``problems``: what of it can't be read, one sentence each."""

    form: str
    entries: list[Entry] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether it has so many entries that no more are read."""
        return len(self.entries) >= MAX_ENTRIES

    def add(self, key: str, text: Text) -> None:
        """Add a value."""
        if not self.full:
            self.entries.append(
                Entry("".join(sign if sign.isprintable() else "?" for sign in key)[:200], text)
            )

    def write(self, key: str, text: str) -> None:
        """Add a value that is known as text."""
        self.add(key, Text(text))

    def binary(self, key: str, size: int) -> None:
        """Add a value that is not text, by its size in bytes."""
        self.write(key, f"<binary {size} bytes>")

    def picture(self, key: str, mime: str, size: int) -> None:
        """Count an embedded picture."""
        self.pictures.append(Picture(mime, size))
        self.write(key, f"<picture {mime} {size} bytes>")

    def problem(self, sentence: str) -> None:
        """Note what can't be read."""
        if len(self.problems) < 20:
            self.problems.append(f"{self.form}: {sentence}")
