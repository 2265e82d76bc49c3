"""Answers that are kept for one version of the library, and which version that is now."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import Message

from tonearm.errors import TonearmError
from tonearm.library.data_version import DataVersion

KEPT = 1_000
KEPT_BYTES = 16_000_000
"""Bytes of the answers that are kept, and of what was asked for."""

Key = tuple[str, bytes, bool]
"""A path, a query, and whether only a part of the page is asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as the application has sent it. route: which of its routes has made it."""

    start: Message
    body: bytes
    route: Any
    may_be_kept: bool


@dataclass(slots=True, eq=False)
class Making:
    """An answer that is being made. waiting: how many wait for it. is_begun: whether it has a place."""

    task: "asyncio.Task[Answer]" = field(init=False)
    waiting: int = 0
    is_begun: bool = False


@dataclass(slots=True)
class Answers:
    """What was answered while the library has had one version, and what is being made."""

    version: str
    kept: OrderedDict[Key, Answer] = field(default_factory=OrderedDict)
    making: dict[Key, Making] = field(default_factory=dict)
    _size: int = 0

    def get(self, key: Key) -> Answer | None:
        """An answer that is kept."""
        if key in self.kept:
            self.kept.move_to_end(key)
        return self.kept.get(key)

    def keep(self, key: Key, answer: Answer) -> None:
        """Keep an answer, and drop those that were not asked for longest."""
        self.kept[key] = answer
        self._size += _size(key, answer)
        while len(self.kept) > KEPT or self._size > KEPT_BYTES:
            self._size -= _size(*self.kept.popitem(last=False))


class KeptAnswers:
    """The answers for the present version of the library.

    What this process writes counts at once, what others write within ``DataVersion.look_s``. So a list that many ask
    for is made a few times a second at most, however often an analysis beside it writes.
    """

    def __init__(
        self,
        version: DataVersion,
        changes: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``changes``: how often this process may have changed something so far."""
        self._version = version
        self._changes = changes
        self._clock = clock
        self._answers = Answers("")
        self._looked = float("-inf"), 0
        """When the version was read, and after how many changes."""
        self._is_away = False
        """Whether the version could not be read then."""
        self._looking = asyncio.Lock()

    async def current(self) -> Answers | None:
        """The answers for the present version; ``None`` while it can't be read."""
        asked = self._clock()
        if not self._is_current(asked):
            async with self._looking:  # so that many who ask cause one query
                if not self._is_current(asked):
                    await self._look()
        return None if self._is_away else self._answers

    async def _look(self) -> None:
        at, changes = self._clock(), self._changes()
        try:
            self._of(await run_in_threadpool(self._version.read))
            self._is_away = False
        except TonearmError:  # who asks next does not wait for it again
            self._is_away, at = True, self._clock()
        self._looked = at, changes

    def _is_current(self, asked: float) -> bool:
        """Whether the version need not be read for a request of some time."""
        at, changes = self._looked
        if not self._is_away and changes != self._changes():
            return False
        return at >= asked or self._clock() - at < self._version.look_s

    def _of(self, version: str) -> Answers:
        if version != self._answers.version:
            self._answers = Answers(version)  # what is being made for the former one is kept with that
        return self._answers


def _size(key: Key, answer: Answer) -> int:
    return len(key[0]) + len(key[1]) + len(answer.body)
