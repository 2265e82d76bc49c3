"""Where a path that a person has named lies in the library."""

import stat

from tonearm.library.roots import Place, Roots
from tonearm.scan.reader import NamedPath, reason_of
from tonearm.scan.walk import PlaceUnreadable


def place_of(roots: Roots, named: NamedPath) -> Place:
    """The place of a path, which becomes a root if it is in none. Raises PlaceUnreadable for one that can't be."""
    if named.mode is not None:
        return roots.ensure(named.path, stat.S_ISDIR(named.mode))
    place = roots.locate(named.path, is_canonical=True)
    if place is None:
        raise PlaceUnreadable(f"it can't be read: {reason_of(named.number or 0)}")
    return place
