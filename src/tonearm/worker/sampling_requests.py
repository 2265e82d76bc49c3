"""The parent's side of the sampling of children: asks them to begin and to end, and collects what they send.

The supervisor's thread asks and collects, since it alone knows the children; another thread begins and ends it.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tonearm.worker.child_process import ChildProcess
from tonearm.worker.child_protocol import InvalidReply, Message
from tonearm.worker.child_sampler import BEGIN, END
from tonearm.worker.stacks import InvalidStacks, Stacks

MANY = 64
"""Children whose stacks are kept apart; beyond that, those of children that have ended are merged."""
ENDED = 0
"""In place of a process id: children that have ended, where there were more than ``MANY``."""


@dataclass(frozen=True, slots=True)
class SampledChildren:
    """What was collected. Children by their process ids.

    known: those that could be asked; ``None`` if the supervisor's loop did not turn. silent: those that did not answer.
    ended: how many ended meanwhile, so that what they had sampled since their last file is lost.
    """

    stacks: Mapping[int, Stacks]
    known: frozenset[int] | None
    silent: frozenset[int]
    ended: int


class ChildSampling:
    """Which children are to sample themselves, and what they have sent."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        """``wake``: wakes the supervisor's loop."""
        self._wake = wake
        self._lock = threading.Lock()
        self._attended = False  # there is a supervisor
        self._active = False
        self._ending = False
        self._told_to_end = False
        self._only: int | None = None
        self._known: frozenset[int] | None = None
        self._asked: set[int] = set()
        self._ended = 0
        self._stacks: dict[int, Stacks] = {}
        self._complete = threading.Event()

    def begin(self, only: int | None = None) -> None:
        """Have all children, or the one with a process id, sample themselves from now on; also later ones."""
        with self._lock:
            self._only, self._known = only, None if self._attended else frozenset()
            self._ending = self._told_to_end = False
            self._asked, self._stacks, self._ended = set(), {}, 0
            self._complete.clear()
            self._active = True
        self._wake()

    def end(self, seconds: float) -> SampledChildren:
        """Have them end; wait up to ``seconds`` until each one that still lives has sent what it has sampled."""
        with self._lock:
            self._ending = True
            if not self._attended:
                self._complete.set()
        self._wake()
        self._complete.wait(seconds)
        with self._lock:
            self._active = False
            return SampledChildren(self._stacks, self._known, frozenset(self._asked), self._ended)

    def cannot_find(self) -> bool:
        """Whether only one child is to be sampled and it has ended."""
        with self._lock:
            return (
                self._only is not None
                and self._known is not None
                and self._only not in self._known
                and self._only not in self._stacks
            )

    def attend(self) -> None:
        """Note that there is a supervisor, which calls ``turn`` and ``received``."""
        with self._lock:
            self._attended, self._known = True, None

    def leave(self) -> None:
        """Note that the supervisor has ended, and all children with it."""
        with self._lock:
            self._attended, self._known = False, self._known or frozenset()
            self._asked.clear()
            self._complete.set()

    def turn(self, children: Iterable[ChildProcess]) -> None:
        """Ask the children that are ready and were not asked yet."""
        if not self._active:
            return
        with self._lock:
            living = {child.process.pid: child for child in children if child.ready and not child.killed}
            self._known = frozenset(living)
            self._ended += len(self._asked - self._known)
            self._asked &= self._known
            if self._ending:
                self._tell_to_end(living)
                return
            new = [pid for pid in living if pid not in self._asked and self._only in (None, pid)]
            if new and len(self._stacks) >= MANY:
                self._merge_ended()
            for pid in new:
                self._asked.add(pid)
                self._stacks.setdefault(pid, Stacks())
                _signal(living[pid], BEGIN)

    def _merge_ended(self) -> None:
        together = self._stacks.pop(ENDED, Stacks())
        for pid in [pid for pid in self._stacks if pid not in self._asked]:
            together.merge(self._stacks.pop(pid))
        self._stacks[ENDED] = together

    def _tell_to_end(self, living: Mapping[int, ChildProcess]) -> None:
        if not self._told_to_end:
            self._told_to_end = True
            for pid in self._asked:
                _signal(living[pid], END)
        if not self._asked:
            self._complete.set()

    def received(self, child: ChildProcess, message: Message) -> None:
        """Keep what a child has sent, if it was asked. Raises ``InvalidReply``."""
        try:
            stacks = Stacks.from_document(message["stacks"])
        except InvalidStacks as error:
            raise InvalidReply(f"not stacks: {error}") from error
        with self._lock:
            pid = child.process.pid
            if pid not in self._asked:
                return
            self._stacks[pid].merge(stacks)
            if message["last"] is True and self._told_to_end:
                self._asked.discard(pid)
                if not self._asked:
                    self._complete.set()


def _signal(child: ChildProcess, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.process.send_signal(number)
