"""Prints for people: wrapped sentences and colours on a terminal, plain lines elsewhere."""

import os
import sys
from collections.abc import Iterator

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_DEFAULT_WIDTH = 80


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def terminal_width() -> int:
    """Columns of the terminal; ``COLUMNS`` overrides what the terminal reports."""
    try:
        width = int(os.environ.get("COLUMNS", "0"))
    except ValueError:
        width = 0
    if width > 0:
        return width
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _DEFAULT_WIDTH
    except (OSError, ValueError):
        return _DEFAULT_WIDTH


def cell_width(text: str) -> int:
    """Columns that a text takes on a terminal; Chinese and Japanese characters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def styled(text: str, style: str = "") -> str:
    """The text with a colour or weight, where standard output is a terminal that shows them."""
    shows = is_terminal() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if style and text and shows else text


def say(sentence: str, style: str = "", indent: int = 0) -> None:
    """Print a sentence: wrapped between words on a terminal, in one line elsewhere."""
    space = " " * indent
    lines = wrapped(sentence, terminal_width() - indent) if is_terminal() else [sentence]
    for line in lines:
        write_line(space + styled(line, style))


def note(sentence: str) -> None:
    """Print a sentence that is no part of the output of a list: to standard error where output goes elsewhere."""
    if is_terminal():
        say(sentence)
    else:
        sys.stderr.write(f"{sentence}\n")


def write_line(line: str = "") -> None:
    """Print a line as it is."""
    sys.stdout.write(f"{line}\n")


def wrapped(sentence: str, width: int) -> Iterator[str]:
    """The lines of a sentence, wrapped between words; a word longer than a line has a line of its own."""
    line = ""
    for word in sentence.split(" "):
        longer = f"{line} {word}" if line else word
        if line and cell_width(longer) > width:
            yield line
            longer = word
        line = longer
    yield line
