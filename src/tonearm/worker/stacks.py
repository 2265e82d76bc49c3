"""Call stacks of a process with the time spent in each, in bounded memory, and their form in messages and files."""

import math
from collections.abc import Iterator, Mapping
from types import CodeType, FrameType
from typing import Any, NamedTuple

MAX_STACKS = 2000
"""Distinct stacks that are kept for a process; the time of further ones is added to ``OTHER``."""
MAX_DEPTH = 100
"""Frames of a stack that are kept, from the outermost on."""
MAX_TEXT = 120
"""Characters of a name that are kept."""
MAX_SECONDS = 1e9


class Frame(NamedTuple):
    """A function in a stack, with the line where it begins; or, below it, the line that ran. Line 0: there is none."""

    name: str
    module: str = ""
    line: int = 0


Stack = tuple[Frame, ...]
"""From the outermost to the innermost frame."""

WAITING = Frame("(waiting)")
"""The last frame of a stack whose thread used no processor."""
DEEPER = Frame("(deeper)")
"""The last frame of a stack that was cut off after ``MAX_DEPTH`` frames."""
OTHER: Stack = (Frame("(other stacks)"),)


class InvalidStacks(Exception):
    """A document that does not hold stacks, or more of them than are allowed."""


class Stacks:
    """Seconds by stack."""

    def __init__(self) -> None:
        self._seconds: dict[Stack, float] = {}

    def __iter__(self) -> Iterator[tuple[Stack, float]]:
        """The stacks, each with its seconds."""
        return iter(self._seconds.items())

    def __len__(self) -> int:
        """The number of distinct stacks."""
        return len(self._seconds)

    @property
    def seconds(self) -> float:
        """The seconds of all stacks."""
        return math.fsum(self._seconds.values())

    def add(self, stack: Stack, seconds: float) -> None:
        """Add time that was spent in a stack."""
        if stack not in self._seconds and len(self._seconds) >= MAX_STACKS:
            stack = OTHER
        self._seconds[stack] = self._seconds.get(stack, 0.0) + seconds

    def merge(self, others: "Stacks") -> None:
        """Add the time of other stacks."""
        for stack, seconds in others:
            self.add(stack, seconds)

    def to_document(self) -> dict[str, Any]:
        """As a JSON object: ``frames`` are name, module and line; ``stacks`` are indices of frames, and seconds."""
        numbers: dict[Frame, int] = {}
        stacks = [
            [[numbers.setdefault(frame, len(numbers)) for frame in stack], round(seconds, 6)]
            for stack, seconds in self
        ]
        return {"frames": [list(frame) for frame in numbers], "stacks": stacks}

    @classmethod
    def from_document(cls, document: object) -> "Stacks":
        """The inverse of ``to_document``, for documents of any origin. Raises ``InvalidStacks``."""
        stacks = cls()
        try:
            if not isinstance(document, Mapping) or len(document["stacks"]) > MAX_STACKS + 1:
                raise InvalidStacks("no stacks, or too many")
            if len(document["frames"]) > MAX_STACKS * MAX_DEPTH:
                raise InvalidStacks("too many frames")
            frames = [_frame(one) for one in document["frames"]]
            for numbers, seconds in document["stacks"]:
                if len(numbers) > MAX_DEPTH + 4 or not all(
                    type(number) is int and number >= 0 for number in numbers
                ):
                    raise InvalidStacks("not a stack")
                if not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_SECONDS:
                    raise InvalidStacks("not a time")
                stacks.add(tuple(frames[number] for number in numbers), float(seconds))
        except (LookupError, TypeError, ValueError) as error:
            raise InvalidStacks(str(error)) from error
        return stacks


def _frame(document: object) -> Frame:
    if not isinstance(document, list):
        raise InvalidStacks("not a frame")
    name, module, line = document
    if not isinstance(name, str) or not isinstance(module, str) or type(line) is not int:
        raise InvalidStacks("not a frame")
    return Frame(name[:MAX_TEXT], module[:MAX_TEXT], max(0, min(line, 1 << 31)))


class StackReader:
    """Turns Python's frames into stacks."""

    def __init__(self) -> None:
        self._known: dict[CodeType, Frame] = {}

    def read(self, innermost: FrameType | None, waiting: bool) -> Stack:
        """The stack of a frame, down to the line that runs. waiting: its thread used no processor."""
        frames: list[Frame] = []
        frame = innermost
        while frame is not None:
            code = frame.f_code
            known = self._known.get(code)
            if known is None:
                module = str(frame.f_globals.get("__name__", ""))
                known = self._known[code] = Frame(
                    code.co_qualname[:MAX_TEXT], module[:MAX_TEXT], code.co_firstlineno
                )
            frames.append(known)
            frame = frame.f_back
        frames.reverse()
        if len(frames) > MAX_DEPTH:
            frames[MAX_DEPTH:] = [DEEPER]
        elif innermost is not None and innermost.f_lineno:
            frames.append(Frame(f"line {innermost.f_lineno}", frames[-1].module, innermost.f_lineno))
        if waiting:
            frames.append(WAITING)
        return tuple(frames)
