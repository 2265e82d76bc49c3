"""Reads single keys from a terminal, without echo; the terminal is as before when the context ends."""

import codecs
import os
import termios
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

ENTER, ESCAPE, BACKSPACE, ERASE_LINE = "enter", "escape", "backspace", "erase line"
NAMED = {"\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\x08": BACKSPACE, "\x15": ERASE_LINE}
_CHUNK = 1024
_LOCAL, _CONTROL = 3, 6
"""Indexes of the local modes and of the control characters among the attributes of a terminal."""


class Keyboard:
    """Keys of a terminal; ``descriptor`` is readable when there are some."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.closed = False
        """Whether the terminal has gone."""
        self._before: list[Any] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self.descriptor)
        changed = termios.tcgetattr(self.descriptor)
        changed[_LOCAL] &= ~(termios.ICANON | termios.ECHO)
        characters = changed[_CONTROL]
        characters[termios.VMIN], characters[termios.VTIME] = 1, 0
        characters[termios.VSUSP] = os.fpathconf(self.descriptor, "PC_VDISABLE").to_bytes(1, "little")
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, changed)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None and not self.closed:
            termios.tcsetattr(self.descriptor, termios.TCSAFLUSH, self._before)

    def read(self) -> list[str]:
        """The keys that were pressed: characters, or names of this module. Call it when ``descriptor`` is readable."""
        try:
            typed = os.read(self.descriptor, _CHUNK)
        except OSError:
            typed = b""
        if not typed:
            self.closed = True
            return []
        return list(keys_of(self._decoder.decode(typed)))


def keys_of(typed: str) -> Iterator[str]:
    """The keys in what a terminal has sent; sequences of keys such as arrows are left out."""
    index = 0
    while index < len(typed):
        sign = typed[index]
        index += 1
        if sign == "\x1b":
            length = _sequence(typed[index:])
            index += length
            if not length:
                yield ESCAPE
        elif sign in NAMED:
            yield NAMED[sign]
        elif sign.isprintable() or 0xDC80 <= ord(sign) <= 0xDCFF:
            yield sign


def _sequence(rest: str) -> int:
    """How many characters after an escape character belong to its sequence."""
    if not rest or rest[0] not in "[O":
        return 0
    for index, sign in enumerate(rest[1:], 2):
        if "@" <= sign <= "~":
            return index
    return len(rest)
