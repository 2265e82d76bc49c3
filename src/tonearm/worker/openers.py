"""Touches files through processes, one for each mount, so that a mount that does not answer holds up only itself."""

import contextlib
import itertools
import os
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass

from tonearm.errors import Failure
from tonearm.jobs.failures import REPLACED
from tonearm.library.mount_table import MountTable
from tonearm.names import to_document
from tonearm.resilience.processes import command_of, end
from tonearm.worker.child_protocol import Message, MessageBuffer, encode, send_with_file
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

Answered = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a file.

    answered: called with the answer; ``None`` if there is none. unanswered: called instead when the mount does not
    answer. child: the socket that the opened file is sent through.
    """

    message: Message
    answered: Answered | None = None
    unanswered: Callable[[], None] = lambda: None
    child: socket.socket | None = None


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
                command_of("tonearm.worker.opener_process", str(theirs.fileno()), str(os.getpid())),
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

    def ask(self, question: Question) -> None:
        if not self.waiting and self._is_ready:
            self._since = time.monotonic()
        self._unsent.append(question)
        self._send()

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
        for answer in self._buffer.feed(piece):
            self._since = time.monotonic()
            if "ready" in answer:
                self._is_ready = True
                continue
            question = self.waiting.popleft()
            if question.answered is not None:
                question.answered(answer)
        self._send()
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

    def _send(self) -> None:
        while self._unsent and len(self.waiting) < DEPTH:
            question = self._unsent.popleft()
            if question.answered is not None:
                self.waiting.append(question)
            with contextlib.suppress(OSError):  # it has ended: ``receive`` finds out
                if question.child is not None:
                    send_with_file(self.link, question.message, question.child.fileno())
                else:
                    self.link.sendall(encode(question.message))


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

    @property
    def is_busy(self) -> bool:
        """Whether questions wait for their answers."""
        return any(opener.questions for opener in self._openers.values())

    def mount_of(self, path: bytes) -> bytes:
        """The mount on which a path lies."""
        return self._mounts.mount_of(path)

    def ask(self, path: bytes, question: Question) -> None:
        """Ask about the file or folder at ``path``."""
        mount = self._mounts.mount_of(path)
        if mount in self._hung:
            question.unanswered()
        else:
            self._opener(mount).ask(question)

    def tell(self, path: bytes, message: Message) -> None:
        """Say something about an open file, without an answer; it is closed already where its process has ended."""
        opener = self._openers.get(self._mounts.mount_of(path))
        if opener is not None:
            opener.ask(Question(message))

    def open(
        self,
        root: bytes,
        path: bytes,
        base_s: float,
        child: socket.socket,
        answered: Callable[["OpenFile | int"], None],
        unanswered: Callable[[], None],
        tags_first: bool = False,
        former: bool = False,
    ) -> None:
        """Open a file below ``root`` and send it to a child.

        base_s: the setting ``deadline_base_s``. answered: called with the file, or with the number of the error.
        tags_first: the child is to send the tags before it does anything else, as it may not survive that.
        former: it is to find the former identity of the sound too.
        """
        number = next(self._numbers)
        whole = os.path.join(root, path)

        def opened(answer: Message) -> None:
            if "errno" in answer:
                answered(int(answer["errno"]))
            else:
                answered(OpenFile(self, number, whole, FileStatus(**answer["status"])))

        message = {
            "ask": "open",
            "file": number,
            "root": to_document(root),
            "path": to_document(path),
            "base_s": base_s,
            "links": self.follow_links,
            "tags_first": tags_first,
            "former": former,
        }
        self.ask(whole, Question(message, opened, unanswered, child))

    def turn(self, now: float) -> None:
        """Give up mounts that do not answer, and look again at those that did not."""
        for opener in [*self._openers.values()]:
            if opener.hangs(now):
                self._give_up(opener, now)
        for mount, (process, look_at) in [*self._hung.items()]:
            if now >= look_at and process.poll() is not None:
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

        def looked(_: Message) -> None:
            del self._hung[mount]
            self._changed(mount, False)

        self._begin(opener)
        opener.ask(Question({"ask": "look", "path": to_document(mount)}, looked))

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
        message = {
            "ask": "check",
            "file": self.number,
            "path": to_document(self.path),
            "status": asdict(self.status),
            "links": self.openers.follow_links,
        }

        def answered(answer: Message) -> None:
            if "errno" in answer:
                then(failure_of(int(answer["errno"])))
            else:
                then(REPLACED if answer["replaced"] else None)

        self.openers.ask(self.path, Question(message, answered, lambda: then(None)))

    def close(self) -> None:
        """Close it."""
        self.openers.tell(self.path, {"ask": "close", "file": self.number})
