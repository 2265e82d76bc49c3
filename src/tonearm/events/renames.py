"""Facts of `rename apply` and `rename undo`."""

from dataclasses import dataclass

from tonearm.events.event import Event


@dataclass(frozen=True, slots=True)
class RenamingStarted(Event):
    """So many files are about to be renamed, or, with ``is_undo``, to get their old names."""

    files: int
    is_undo: bool = False


@dataclass(frozen=True, slots=True)
class FileRenamed(Event):
    """A file has another path, on the disk and in the library; nothing is analysed again."""

    proposal: int
    path: bytes
    from_path: bytes


@dataclass(frozen=True, slots=True)
class RenameRefused(Event):
    """A file was not renamed. ``code``: why; ``at``: the path that it is about."""

    proposal: int
    path: bytes
    code: str
    at: bytes


@dataclass(frozen=True, slots=True)
class RenamingProgress(Event):
    """How far renaming has come. ``eta_s``: seconds that the rest takes at the speed so far."""

    done: int
    files: int
    elapsed_s: float
    eta_s: float


@dataclass(frozen=True, slots=True)
class RenamesRecovered(Event):
    """Renames that were interrupted by a kill were finished, or taken back, before anything else."""

    finished: int
    taken_back: int


@dataclass(frozen=True, slots=True)
class RenamingFinished(Event):
    """The end of `rename apply` or `rename undo`. ``interrupted``: a person stopped it with files left."""

    renamed: int
    refused: int
    elapsed_s: float
    interrupted: bool = False
    is_undo: bool = False
