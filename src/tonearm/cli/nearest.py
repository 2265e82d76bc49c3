"""Finds the existing name or path that is most similar to one that does not exist."""

import os
from collections.abc import Iterable

from tonearm.names import printable, to_text

ENTRIES = 20_000
"""Maximum number of entries of a folder that are compared with a name."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The most similar known name; ``None`` where none is similar. Case makes no difference."""
    import difflib

    by_folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(name.casefold(), by_folded, 1)
    return by_folded[found[0]] if found else None


def no_such(kind: str, name: str, known: Iterable[str]) -> str:
    """A message on an unknown name, with the nearest known one or all of them."""
    names = list(known)
    likely = nearest(name, names)
    if likely is None:
        return f"{kind} {printable(name)!r} is not one of {', '.join(names)}"
    return f"no {kind} {printable(name)!r}; did you mean {likely}?"


def nearest_path(path: bytes) -> bytes | None:
    """The existing path that is most similar to one that does not exist; ``None`` where none is similar."""
    parent, name = os.path.split(os.path.abspath(path))
    if not name or parent == path:
        return None
    if not os.path.lexists(parent):
        likely = nearest_path(parent)
        if likely is None:
            return None
        whole = os.path.join(likely, name)
        return whole if os.path.lexists(whole) else nearest_path(whole) or likely
    found = nearest(to_text(name), _entries(parent))
    return os.path.join(parent, os.fsencode(found)) if found is not None else None


def _entries(folder: bytes) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [to_text(entry.name) for _, entry in zip(range(ENTRIES), entries, strict=False)]
    except OSError:
        return []


def meant_path(path: bytes) -> str:
    """``; did you mean …?`` for a path that does not exist; empty where no path is similar."""
    likely = nearest_path(path)
    return "" if likely is None else f"; did you mean {printable(likely)}?"
