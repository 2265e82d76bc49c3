"""Touches files through processes, one for each mount, so that a mount that does not answer holds up only itself."""

import contextlib
import itertools
import os
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tonearm.errors import Failure
from tonearm.jobs.failures import REPLACED
from tonearm.library.mount_table import MountTable
from tonearm.names import folders_above, to_bytes, to_text
from tonearm.resilience.processes import command_of, end
from tonearm.worker.child_protocol import MessageBuffer, send_with_files
from tonearm.worker.safe_open import FileStatus, failure_of

LIMIT_S = 3.0
"""Seconds in which a mount has to answer each question."""
START_S = 30.0
"""Seconds that a process may need to start."""
LOOK_S = 5.0
"""Seconds between two looks at whether a mount answers again."""
ENDED_S = 0.1
"""Seconds to wait for the end of a process that was killed; one that hangs in the kernel is left."""
DEPTH = 16
"""Number of questions that a process is sent in advance; so many always fit into the socket."""
ROOM = 1 << 20

Answered = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a file, as ``opener_process`` understands it.

    answered: called with the answer; ``None`` if there is none. unanswered: called instead when the mount does not
    answer. child: the socket that the opened file is sent through.
    """

    words: Sequence[Any]
    answered: Answered | None = None
    unanswered: Callable[[], None] = lambda: None
    child: socket.socket | None = None


def look_at(folder: bytes) -> Sequence[Any]:
    """The question whether a folder can be read."""
    return "look", to_text(folder)


class _Opener:
    """One process, and the questions that it was asked."""

    def __init__(self, mount: bytes) -> None:
        self.mount = mount
        self._buffer = MessageBuffer()
        self._unsent: deque[Question] = deque()
        self.waiting: deque[Question] = deque()
        self._is_ready = False
        self._since = time.monotonic()  # of the start, or of the last answer, or of the question after a rest
        self.link, theirs = socket.socketpair()
        self.link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603  our own interpreter and our own module
                command_of(
                    "tonearm.worker.opener_process",
                    str(theirs.fileno()),
                    str(os.getpid()),
                    os.fsdecode(mount),
                ),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={},
            )

    @property
    def questions(self) -> list[Question]:
        """Those that were not answered, in their order."""
        return [*self.waiting, *self._unsent]

    @property
    def has_questions(self) -> bool:
        return bool(self.waiting or self._unsent)

    def ask(self, question: Question) -> None:
        self._unsent.append(question)

    def hangs(self, now: float) -> bool:
        """Whether the answer to the first question, or the start, takes too long."""
        if not self._is_ready:
            return now > self._since + START_S
        return bool(self.waiting) and now > self._since + LIMIT_S

    def receive(self) -> bool:
        """Handle the answers that have arrived; ``False`` when the process has ended."""
        try:
            piece = self.link.recv(1 << 16)
        except OSError:
            return False
        for message in self._buffer.feed(piece):
            self._since = time.monotonic()
            if "ready" in message:
                self._is_ready = True
                continue
            for answer in message["answers"]:
                question = self.waiting.popleft()
                if question.answered is not None:
                    question.answered(answer)
        self.send()
        return bool(piece)

    def kill(self) -> None:
        """End the process, and handle what it has answered until then."""
        end(self.process, ENDED_S)
        self.link.setblocking(False)
        self._unsent, unsent = deque(), self._unsent
        while self.receive():
            pass
        self._unsent = unsent
        self.link.close()

    def send(self) -> None:
        """Send the questions, as many as the process may be sent in advance, as one message."""
        if not self._unsent or len(self.waiting) >= DEPTH:
            return
        if not self.waiting and self._is_ready:
            self._since = time.monotonic()
        asked = [self._unsent.popleft() for _ in range(min(len(self._unsent), DEPTH - len(self.waiting)))]
        self.waiting.extend(question for question in asked if question.answered is not None)
        children = [question.child.fileno() for question in asked if question.child is not None]
        with contextlib.suppress(OSError):  # it has ended: ``receive`` finds out
            send_with_files(self.link, {"ask": [question.words for question in asked]}, children)


class Openers:
    """One process for each mount whose files are touched. Used by one thread.

    A mount that does not answer within ``LIMIT_S`` is hung: its process is killed, and questions about it are not asked
    until it answers again. It is looked at every ``LOOK_S``, but not while its process hangs in the kernel.
    """

    def __init__(
        self,
        attend: Callable[[socket.socket, Callable[[], None]], None],
        leave: Callable[[socket.socket], None],
        changed: Callable[[bytes, bool], None],
        mounts: MountTable | None = None,
        follow_links: bool = False,
    ) -> None:
        """``attend``: has a function called when a socket is readable, until ``leave``.

        ``changed``: called with a mount, and whether it is hung now. ``follow_links``: also below a root.
        """
        self.follow_links = follow_links
        self._attend = attend
        self._leave = leave
        self._changed = changed
        self._mounts = mounts or MountTable()
        self._openers: dict[bytes, _Opener] = {}
        self._hung: dict[bytes, tuple[subprocess.Popen[bytes], float]] = {}
        self._numbers = itertools.count(1)
        self._links: dict[bytes, bytes] = {}
        """The mounts that links lead to, by their paths."""

    @property
    def is_busy(self) -> bool:
        """Whether questions wait for their answers."""
        return any(opener.has_questions for opener in self._openers.values())

    def send(self) -> None:
        """Send what was asked since the last call; all of one mount together."""
        for opener in self._openers.values():
            opener.send()

    def mount_of(self, path: bytes) -> bytes:
        """The mount on which a path lies, or to which a link in it leads, as far as that is known."""
        link = self.link_in(path)
        return self._mounts.mount_of(path) if link is None else self._links[link]

    def link_in(self, path: bytes) -> bytes | None:
        """The part of a path up to a link that is known to lead to another mount; ``None`` if there is none."""
        if not self._links:
            return None
        return next((place for place in (path, *folders_above(path)) if place in self._links), None)

    def ask(self, path: bytes, question: Question) -> None:
        """Ask about the file or folder at ``path``, at the next call of ``send``."""
        mount = self.mount_of(path)
        if mount in self._hung:
            question.unanswered()
        else:
            self._opener(mount).ask(question)

    def tell(self, path: bytes, words: Sequence[Any]) -> None:
        """Say something about an open file, without an answer; it is closed already where its process has ended."""
        opener = self._openers.get(self.mount_of(path))
        if opener is not None:
            opener.ask(Question(words))

    def open(
        self,
        root: bytes,
        path: bytes,
        base_s: float,
        child: socket.socket,
        answered: Callable[["OpenFile | int"], None],
        unanswered: Callable[[], None],
        tags_first: bool = False,
        former: int | None = None,
    ) -> None:
        """Open a file below ``root`` and send it to a child.

        base_s: the setting ``deadline_base_s``. answered: called with the file, or with the number of the error.
        tags_first: the child is to send the tags before it does anything else, as it may not survive that.
        former: the version of the identity of the sound that it is to find too.
        """
        number, whole = next(self._numbers), os.path.join(root, path)
        asked = (base_s, self.follow_links, {"tags_first": tags_first, "former": former})
        words = ("open", number, to_text(root), to_text(path), *asked)
        self._ask_to_open(number, whole, words, child, answered, unanswered)

    def _ask_to_open(
        self,
        number: int,
        path: bytes,
        words: Sequence[Any],
        child: socket.socket,
        answered: Callable[["OpenFile | int"], None],
        unanswered: Callable[[], None],
    ) -> None:
        def opened(answer: Sequence[Any] | int) -> None:
            if isinstance(answer, int):
                answered(answer)
            elif isinstance(answer[0], str):
                mount, link = map(to_bytes, answer)
                self._links[link] = mount
                self._ask_to_open(number, path, words, child, answered, unanswered)
            else:
                answered(OpenFile(self, number, path, FileStatus(*answer)))

        self.ask(path, Question(words, opened, unanswered, child))

    def turn(self, now: float) -> None:
        """Send what was asked, give up mounts that do not answer, and look again at those that did not."""
        self.send()
        for opener in [*self._openers.values()]:
            if opener.hangs(now):
                self._give_up(opener, now)
        for mount, (process, next_look) in [*self._hung.items()]:
            if now >= next_look and process.poll() is not None:
                del self._hung[mount]
                self._look(mount)

    def close(self) -> None:
        """End all processes; what was not answered stays unanswered. Those that hang in the kernel are left."""
        openers, self._openers = [*self._openers.values()], {}
        for opener in openers:
            self._end(opener)

    def _look(self, mount: bytes) -> None:
        """Ask a new process about a hung mount, of which nothing else is asked meanwhile."""
        opener = _Opener(mount)
        self._hung[mount] = (opener.process, float("inf"))

        def looked(_: object) -> None:
            del self._hung[mount]
            self._changed(mount, False)

        self._begin(opener)
        opener.ask(Question(look_at(mount), looked))

    def _opener(self, mount: bytes) -> _Opener:
        opener = self._openers.get(mount)
        return opener if opener is not None else self._begin(_Opener(mount))

    def _begin(self, opener: _Opener) -> _Opener:
        self._openers[opener.mount] = opener
        self._attend(opener.link, lambda: self._hear(opener))
        return opener

    def _hear(self, opener: _Opener) -> None:
        if not opener.receive():  # it was killed from outside
            self._openers.pop(opener.mount, None)
            if opener.mount in self._hung:
                self._hung[opener.mount] = (opener.process, time.monotonic() + LOOK_S)
            self._end(opener)

    def _give_up(self, opener: _Opener, now: float) -> None:
        del self._openers[opener.mount]
        known = opener.mount in self._hung
        self._hung[opener.mount] = (opener.process, now + LOOK_S)
        if not known:
            self._changed(opener.mount, True)
        self._end(opener)

    def _end(self, opener: _Opener) -> None:
        self._leave(opener.link)
        opener.kill()
        for question in opener.questions:
            question.unanswered()


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that an opener has opened, and keeps open until the end of its attempt. path: on this host."""

    openers: Openers
    number: int
    path: bytes
    status: FileStatus

    def check(self, then: Callable[[Failure | None], None]) -> None:
        """Call ``then`` with the failure of the attempt if the file was replaced or its file system fails; close it.

        A file whose mount does not answer counts as not replaced: the next scan compares it with ``status``.
        """
        words = ("check", self.number, to_text(self.path), self.openers.follow_links, *self.status)

        def answered(answer: bool | int) -> None:
            if isinstance(answer, bool):
                then(REPLACED if answer else None)
            else:
                then(failure_of(answer))

        self.openers.ask(self.path, Question(words, answered, lambda: then(None)))

    def close(self) -> None:
        """Close it."""
        self.openers.tell(self.path, ("close", self.number))
