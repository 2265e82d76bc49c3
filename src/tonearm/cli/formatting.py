"""Formats durations, times, numbers and paths for people."""

import shlex
import time
from collections.abc import Sequence

from tonearm.names import printable, to_text


def duration(seconds: float | None) -> str:
    """``3:07`` or ``1:02:03``; a dash for unknown."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{rest // 60}:{rest % 60:02}"


def about(seconds: float | None) -> str:
    """A remaining time, rounded to what an estimate can know."""
    if seconds is None:
        return "learning how long"
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds / 5) * 5} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    if seconds < 172_800:
        return f"about {seconds / 3600:.1f} h"
    return f"about {seconds / 86_400:.1f} days"


def number(value: float | None, digits: int = 1) -> str:
    """A number, or a dash for unknown."""
    return "–" if value is None else f"{value:.{digits}f}"


def moment(seconds: float | None) -> str:
    """A date and time in the local time zone."""
    if seconds is None:
        return "–"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def plural(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shell_words(paths: Sequence[bytes]) -> str:
    """Paths as they can be typed into a shell, whatever bytes they hold."""
    return " ".join(map(_shell_word, paths))


def _shell_word(path: bytes) -> str:
    text = to_text(path)
    if printable(text) == text:
        return shlex.quote(text)
    return (
        "$'"
        + "".join(chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}" for byte in path)
        + "'"
    )
