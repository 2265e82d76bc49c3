"""Formats durations, times, numbers and paths for people."""

import shlex
import time
from collections.abc import Mapping, Sequence

from tonearm.events.states import Obstacle, Outlook
from tonearm.library.left_out import NONE, OTHERS, VIDEO
from tonearm.names import printable, to_text

KINDS_NAMED = 8
"""Number of kinds of files that a line names."""
_KIND_NAMES = {NONE: "without an extension", VIDEO: "with moving pictures"}


def duration(seconds: float | None) -> str:
    """``3:07`` or ``1:02:03``; a dash for unknown."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    if hours:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{rest // 60}:{rest % 60:02}"


def between(low_s: float, high_s: float) -> str:
    """A range of remaining times in one unit, such as ``12–16 min``."""
    if high_s < 10:
        return "a few seconds"
    if high_s < 90:
        unit_s, unit, step = 1.0, "s", 5
    elif high_s < 5400:
        unit_s, unit, step = 60.0, "min", 1
    elif high_s < 172_800:
        unit_s, unit, step = 3600.0, "h", 1
    else:
        unit_s, unit, step = 86_400.0, "days", 1
    low, high = (max(step, round(seconds / unit_s / step) * step) for seconds in (low_s, high_s))
    return f"about {high} {unit}" if low == high else f"{low}–{high} {unit}"


_OBSTACLES = {
    Obstacle.PAUSED: "paused",
    Obstacle.SERVER: "waiting for a server",
    Obstacle.RESTING: "resting",
    Obstacle.NO_WORKER: "no worker takes files",
    Obstacle.SCANNING: "waiting for the scan to find files",
    Obstacle.RETRIES: "waiting to repeat failed files",
    Obstacle.READING: "held up by reading",
    Obstacle.DECODING: "held up by decoding",
    Obstacle.ANALYSING: "held up by analysing",
    Obstacle.STORING: "held up by storing",
}


_NO_TIME = frozenset({Obstacle.PAUSED, Obstacle.SERVER, Obstacle.NO_WORKER})


def obstacle_text(outlook: Outlook) -> str:
    """What holds a run up, in words; empty while that is not known."""
    if outlook.held_up_by is None:
        return ""
    share = "" if outlook.share is None else f" ({outlook.share:.0%})"
    if outlook.held_up_by is Obstacle.RESTING and outlook.reason is not None:
        return f"resting: {outlook.reason}"
    return _OBSTACLES[outlook.held_up_by] + share


def outlook_text(outlook: Outlook) -> str:
    """What is left and what holds the run up, in one line."""
    if outlook.files == 0:
        return "nothing left"
    left = [] if outlook.files is None else [f"{plural(outlook.files, 'file')}"]
    if outlook.audio_s is not None:
        left.append(f"{_audio(outlook.audio_s)} of audio")
    unknown = outlook.held_up_by in _NO_TIME or outlook.held_up_by is Obstacle.RESTING
    time_left = "" if unknown else "learning how long it takes"
    if outlook.eta_low_s is not None and outlook.eta_high_s is not None:
        time_left = f"{between(outlook.eta_low_s, outlook.eta_high_s)} to go"
    parts = [time_left, f"{', '.join(left)} left" if left else "", obstacle_text(outlook)]
    return " · ".join(part for part in parts if part)


def _audio(seconds: float) -> str:
    hours = seconds / 3600
    if hours < 1:
        return f"{max(1, round(seconds / 60))} min"
    return f"{hours:.1f} h" if hours < 10 else f"{hours:,.0f} h"


def number(value: float | None, digits: int = 1) -> str:
    """A number, or a dash for unknown."""
    return "–" if value is None else f"{value:.{digits}f}"


def moment(seconds: float | None) -> str:
    """A date and time in the local time zone."""
    if seconds is None:
        return "–"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def resting(reason: str, until: float | None) -> str:
    """Why and until when no file is taken: ``resting until 22:00: outside the hours of work_hours``."""
    return f"resting{'' if until is None else f' until {hour(until)}'}: {reason}"


def hour(at: float) -> str:
    """A time of the coming days in the local time zone, with the weekday unless it is today."""
    then, now = time.localtime(at), time.localtime()
    same_day = (then.tm_year, then.tm_yday) == (now.tm_year, now.tm_yday)
    return time.strftime("%H:%M" if same_day else "%a %H:%M", then)


def left_out_text(counts: Mapping[str, int]) -> str:
    """How many files of other kinds were left out, the most frequent kinds by name; empty if there are none."""
    if not counts:
        return ""
    named = [kind for kind in counts if kind != OTHERS][:KINDS_NAMED]
    parts = [f"{counts[kind]:,} {_KIND_NAMES.get(kind, kind)}" for kind in named]
    if others := sum(counts.values()) - sum(counts[kind] for kind in named):
        parts.append(f"{others:,} others")
    return f"{plural(sum(counts.values()), 'file')} of other kinds: {', '.join(parts)}"


def breaker_text(state: str) -> str:
    """The state of a circuit breaker: ``closed``, ``open``, ``half-open``."""
    return state.replace("_", "-")


def open_breakers(breakers: Mapping[str, str]) -> list[str]:
    """The servers of breakers that are not closed, each with the state: ``Redis half-open``."""
    return [f"{server} {breaker_text(state)}" for server, state in breakers.items() if state != "closed"]


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


def cancelled_files(files: int, roots: Sequence[bytes]) -> str:
    """What is told of files that are not analysed because their run was cancelled."""
    are = "is" if files == 1 else "are"
    return (
        f"{plural(files, 'file')} of cancelled runs {are} not analysed; to analyse after all: "
        f"`tonearm analyze {shell_words(roots)}`."
    )
