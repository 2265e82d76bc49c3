"""A track as it is exported, and why one can't be."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tonearm.export.beat_anchors import Anchor
from tonearm.views.track import Track, TrackDetail


class LeftOut(StrEnum):
    """Why a track is not in the file, or why it has no beat grid there."""

    NAME = "name"  # the format can't hold its name
    NO_DOWNBEAT = "no-downbeat"  # no grid: it is not known which beat is the first of a bar
    NO_ORIGIN = "no-origin"  # no grid: the file can't be read, so that it is not known where it begins


@dataclass(frozen=True, slots=True)
class Exported:
    """A track. path: where the other program finds it. grid: its beat grid, at the times of that program.

    detail: everything that is stored about it, where the format has it.
    """

    track: Track
    detail: TrackDetail | None
    path: bytes
    grid: Sequence[Anchor]


class CanNotHold(Exception):
    """The format can't hold a track. code: why."""

    def __init__(self, code: LeftOut) -> None:
        super().__init__(code)
        self.code = code


class Sink(Protocol):
    """Where bytes are written."""

    def write(self, data: bytes, /) -> object:
        """Write bytes."""


class Writer(Protocol):
    """Writes one format."""

    def begin(self) -> None:
        """Write what comes before the tracks."""

    def add(self, exported: Exported) -> None:
        """Write a track. Raises CanNotHold."""

    def end(self) -> None:
        """Write what comes after the tracks."""

    def close(self) -> None:
        """Let go of everything, after the end or before."""
