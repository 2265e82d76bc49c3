"""Counts files of other kinds than music, by what their names end with. It needs the standard library alone."""

import re
from collections.abc import Iterable, Mapping

VIDEO = "video"
"""Stands for files with the extension of music that hold moving pictures."""
NONE = "none"
"""Stands for files without an extension."""
OTHERS = "others"
"""Stands for the files of all extensions beyond ``KINDS``."""
KINDS = 500
"""Number of different extensions that are counted apart."""
NAMED = 50
"""Number of extensions that facts and runs name: the most frequent ones."""

_EXTENSION = re.compile(rb"[A-Za-z0-9_+~-]{1,12}\Z")


def count_names(names: Iterable[bytes]) -> dict[str, int]:
    """Count files by the extensions of their names, in lower case and with the dot."""
    counts: dict[str, int] = {}
    for name in names:
        _, dot, extension = name.rpartition(b".")
        kind = f".{extension.decode().lower()}" if dot and _EXTENSION.match(extension) else NONE
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def add_counts(counts: dict[str, int], more: Mapping[str, int]) -> None:
    """Add to counts; from ``KINDS`` different extensions on, new ones are counted together."""
    for kind, files in more.items():
        known = kind if kind in counts or len(counts) < KINDS or kind in (VIDEO, NONE) else OTHERS
        counts[known] = counts.get(known, 0) + files


def most_frequent(counts: Mapping[str, int]) -> dict[str, int]:
    """The ``NAMED`` most frequent kinds, the most frequent first, and the files of all others together."""
    ordered = sorted(
        (kind for kind in counts if kind != OTHERS), key=lambda kind: (kind != VIDEO, -counts[kind], kind)
    )
    named = dict(
        sorted(((kind, counts[kind]) for kind in ordered[:NAMED]), key=lambda one: (-one[1], one[0]))
    )
    others = counts.get(OTHERS, 0) + sum(counts[kind] for kind in ordered[NAMED:])
    return named | ({OTHERS: others} if others else {})
