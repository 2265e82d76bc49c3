"""The order of renames: who has a name that another gets goes first; cycles go through a temporary name."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tonearm.library.proposal import FileStamp

TEMPORARY = b".tonearm-renaming-"
"""What temporary names begin with; they have no ending, so that no scan takes them for music."""


@dataclass(frozen=True, slots=True)
class Move:
    """A file that is to get another path. Keys are equal for paths that the file system takes for one."""

    proposal: int
    source: bytes
    target: bytes
    source_key: bytes
    target_key: bytes
    identity: FileStamp
    file: int | None = None
    along: str | None = None
    follows: int | None = None
    is_undo: bool = False
    crosses: bool = False  # both paths were on different mounts when it was planned


@dataclass(frozen=True, slots=True)
class UnitStep:
    """One rename of a unit."""

    move: Move
    source: bytes
    target: bytes


Unit = tuple[UnitStep, ...]
"""Renames that are done or taken back together, in their order: one, or those of a cycle."""


def units(moves: Sequence[Move], temporary: Callable[[Move], bytes] | None = None) -> Iterator[Unit]:
    """The moves in an order in which each target is free when its turn comes, if nobody else takes it.

    Targets must differ. ``temporary``: makes the temporary path of a move.
    """
    name = temporary or temporary_path
    at = {move.source_key: index for index, move in enumerate(moves)}
    settled = bytearray(len(moves))
    for start in range(len(moves)):
        chain: list[int] = []
        index: int | None = start
        while index is not None and not settled[index]:
            settled[index] = 1
            chain.append(index)
            index = at.get(moves[index].target_key)
        if index == start and chain:
            yield _cycle([moves[each] for each in chain], name)
        else:  # the last of the chain goes to a free name, or to that of one that was settled before
            for each in reversed(chain):
                yield (UnitStep(moves[each], moves[each].source, moves[each].target),)


def _cycle(cycle: Sequence[Move], name: Callable[[Move], bytes]) -> Unit:
    """A cycle, or one move to a name that its file system takes for the same."""
    first, others = cycle[0], cycle[1:]
    aside = name(first)
    return (
        UnitStep(first, first.source, aside),
        *(UnitStep(move, move.source, move.target) for move in reversed(others)),
        UnitStep(first, aside, first.target),
    )


def temporary_path(move: Move) -> bytes:
    """A name beside the file that nobody else has."""
    return os.path.join(os.path.dirname(move.source), TEMPORARY + secrets.token_hex(8).encode())
