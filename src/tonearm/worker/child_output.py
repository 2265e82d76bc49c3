"""What a child writes to standard error and logs, in lines: at most ``MOST_BYTES`` for each file."""

import contextlib
import os

MOST_BYTES = 64 << 10
"""Bytes that are relayed for each file, and before the first one."""
LONGEST_LINE = 4096
"""Bytes after which a line is divided."""
LEFT_OUT = f"it writes more than {MOST_BYTES >> 10} kB about this file; the rest is left out"


class ChildOutput:
    """The pipe to which a child writes; reading it never waits, and neither does writing.

    What the child writes while the pipe is full is lost, so a busy parent does not delay it. last: the last line.
    """

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self.writer, False)
        self.last = ""
        self.ended = False
        self._begun = b""
        self._room = MOST_BYTES

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._reader

    def started(self) -> None:
        """Close this process's copy of the end that the child writes to."""
        os.close(self.writer)

    def begin_file(self) -> None:
        """Allow ``MOST_BYTES`` again."""
        self._room = MOST_BYTES

    def lines(self) -> list[str]:
        """The lines that have come since the last call. What they contain is not to be trusted."""
        with contextlib.suppress(BlockingIOError):
            piece = os.read(self._reader, MOST_BYTES)
            self.ended = not piece
            self._begun += piece
        *whole, self._begun = self._begun.split(b"\n")
        if self.ended or len(self._begun) > LONGEST_LINE:
            whole.append(self._begun)
            self._begun = b""
        found = [
            line[at : at + LONGEST_LINE] for line in whole for at in range(0, max(len(line), 1), LONGEST_LINE)
        ]
        texts = [line.decode("utf-8", "backslashreplace").rstrip() for line in found]
        return [admitted for text in texts if text and (admitted := self.admitted(text))]

    def admitted(self, text: str) -> str | None:
        """The text, if it may still be relayed; ``None`` if not. The first that may not is replaced by a notice."""
        self.last = text
        before, self._room = self._room, self._room - len(text)
        if self._room >= 0:
            return text
        return LEFT_OUT if before >= 0 else None

    def close(self) -> None:
        """Close the pipe."""
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1
