"""Facts of `tags apply` and `tags undo`."""

from dataclasses import dataclass

from tonearm.events.event import Event


@dataclass(frozen=True, slots=True)
class TagsWritten(Event):
    """Tags of a file were changed, by names and texts. ``edited``: by undoing, in a file that was edited since."""

    proposal: int
    path: bytes
    texts: dict[str, list[str]]
    edited: bool = False


@dataclass(frozen=True, slots=True)
class TagsRefused(Event):
    """Tags of a file were not changed. ``code``: why."""

    proposal: int
    path: bytes
    code: str


@dataclass(frozen=True, slots=True)
class TaggingFinished(Event):
    """The end of `tags apply` or `tags undo`. ``interrupted``: a person stopped it with files left."""

    written: int
    refused: int
    elapsed_s: float
    interrupted: bool = False
    is_undo: bool = False
