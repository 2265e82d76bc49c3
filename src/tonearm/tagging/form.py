"""What every form of tag offers to a writer: the texts it has by name, and what to replace in it for other ones."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from tonearm.naming.splices import Splice

Entry = TypeVar("Entry")
Texts = Mapping[str, Sequence[str]]
"""Texts by the name that the form has for them."""
Values = Mapping[str, Sequence[str] | Sequence[bytes]]
"""By name, texts, or whole entries as ``entries`` gives them."""
MOST_TAG_BYTES = 1 << 26
"""A larger tag is refused: it is held in memory while it is changed."""


class Unwritable(Exception):
    """A file whose tags can't be changed without a risk; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def replaced(entries: Sequence[Entry], places: Sequence[int], new: Sequence[Entry]) -> list[Entry]:
    """Entries with new ones in the first of some places, without the others of these; at the end without places."""
    if not places:
        return [*entries, *new]
    behind = (entry for index, entry in enumerate(entries) if index > places[0] and index not in places)
    return [*entries[: places[0]], *new, *behind]


class Form(Protocol):
    """The tags of one open file, in one form. ``layout``: entries go into tags of the same layout only."""

    @property
    def layout(self) -> str: ...

    def texts(self, names: Sequence[str]) -> Texts:
        """The texts of some names; a name that is not there has none."""
        ...

    def entries(self, names: Sequence[str]) -> Mapping[str, Sequence[bytes]]:
        """The entries of some names as they are in the tag, also those that are no text."""
        ...

    def splices(self, changes: Values) -> list[Splice]:
        """What to replace so that these names have these texts or entries, and none where there are none.

        Raises Unwritable where the tag would become too large.
        """
        ...
