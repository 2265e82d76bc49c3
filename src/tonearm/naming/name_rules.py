"""What a file system does with names: a record of what was found by trying, and what follows for names."""

import hashlib
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from tonearm.names import to_text

LONGEST_PATH = 4095
"""Bytes of a path, where the system does not say."""


class LengthUnit(StrEnum):
    """What the longest name is counted in."""

    BYTES = "bytes"
    UTF16 = "utf-16"
    CHARACTERS = "characters"


class RenameMethod(StrEnum):
    """How a file is renamed without overwriting another one."""

    NO_REPLACE = "no-replace"  # by a flag of the system call
    LINK = "link"  # by a second link, and removing the first
    NONE = "none"  # not at all


@dataclass(frozen=True, slots=True)
class NameRules:
    """The rules of one file system.

    folds_case: names that differ in case only are one name. folds_form: the same for Unicode's forms. stored_form:
    ``NFC`` or ``NFD`` where every name is stored in that form, else ``None``. longest: of a name, in ``unit``.
    longest_path: in bytes. refused: characters that no name can have. refuses_end: trailing dots and spaces are lost
    or refused. refused_names: first parts of names, in upper case, that can't be used. any_bytes: whether a name need
    not be UTF-8. hard_links: whether a file can have several names. method: how it renames. writable: whether it
    could be tried at all; where not, the other values are those of the strictest systems.
    """

    folds_case: bool = False
    folds_form: bool = False
    stored_form: str | None = None
    longest: int = 255
    unit: LengthUnit = LengthUnit.BYTES
    longest_path: int = LONGEST_PATH
    refused: frozenset[str] = frozenset()
    refuses_end: bool = False
    refused_names: frozenset[str] = frozenset()
    any_bytes: bool = True
    hard_links: bool = True
    method: RenameMethod = RenameMethod.NO_REPLACE
    writable: bool = True

    def length(self, name: bytes) -> int:
        """The length of a name in the unit that counts."""
        if self.unit is LengthUnit.BYTES:
            return len(name)
        text = to_text(name)
        return (
            len(text)
            if self.unit is LengthUnit.CHARACTERS
            else len(text.encode("utf-16-le", "surrogatepass")) // 2
        )

    def stored(self, name: bytes) -> bytes:
        """A name in the form in which this file system stores it."""
        if self.stored_form is None or name.isascii():
            return name
        text = to_text(name)
        normal = unicodedata.normalize("NFC" if self.stored_form == "NFC" else "NFD", text)
        return normal.encode("utf-8", "surrogateescape")

    def folded(self, path: bytes) -> bytes:
        """The same bytes for all paths that this file system may take for one."""
        if not self.folds_case and not self.folds_form:
            return path
        if path.isascii():
            return path.lower() if self.folds_case else path
        text = unicodedata.normalize("NFD", to_text(path))
        if self.folds_case:
            text = unicodedata.normalize("NFD", text.casefold())
        return text.encode("utf-8", "surrogateescape")

    def key(self, path: bytes) -> bytes:
        """16 bytes that are the same for all paths that this file system may take for one."""
        return hashlib.blake2b(self.folded(path), digest_size=16).digest()

    def reserves(self, name: bytes) -> bool:
        """Whether a name is one of those that can't be used, whatever its ending."""
        return (
            bool(self.refused_names)
            and to_text(name).partition(".")[0].rstrip().upper() in self.refused_names
        )


STRICTEST = NameRules(
    folds_case=True,
    folds_form=True,
    refused=frozenset('\\:*?"<>|'),
    refuses_end=True,
    refused_names=frozenset({"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}),
    any_bytes=False,
    hard_links=False,
    method=RenameMethod.NONE,
    writable=False,
)
"""Where nothing can be tried, since nothing can be written."""
