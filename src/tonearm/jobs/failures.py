"""Failures of attempts that the worker detects, because the child could not report them, and the causes of all."""

import signal
from enum import StrEnum

from tonearm.errors import Failure, Fault
from tonearm.jobs.retry import MAX_INTERRUPTIONS, MAX_TRANSIENT_ATTEMPTS


class Cause(StrEnum):
    """What a failure is due to."""

    FILE = "file"  # its contents, or what was done to it; nothing but another file helps
    SYSTEM = "system"  # this program, the host, its disks or servers; the file may be in order


_FILE_CODES = frozenset({fault.code for fault in Fault} - {Fault.READ_ERROR.code}) | {
    "incomplete",
    "replaced",
    "not-a-regular-file",
    "gone",
    "cancelled",
    "left-out",
}
CODES = _FILE_CODES | {
    "crashed",
    "deadline",
    "internal-error",
    "interrupted",
    "killed",
    "killed-for-memory",
    "no-permission",
    "read-error",
    "unstorable",
}
"""Every code of this program; others come from a child that a file has taken over."""

CHILD_LOST = frozenset({"crashed", "killed", "killed-for-memory", "deadline", Fault.OUT_OF_MEMORY.code})
"""Codes of attempts whose child died, was killed, or reached its memory limit while it had the file."""


def cause_of(code: str) -> Cause:
    """What a failure code is due to; an unknown code counts as the system's, as no file is known to cause it."""
    return Cause.FILE if code in _FILE_CODES else Cause.SYSTEM


INTERRUPTED = Failure(
    "interrupted",
    "Tonearm itself ended while this file was being analysed.",
    "Nothing to do: it is analysed again, and no attempt is charged.",
)
INTERRUPTED_OFTEN = Failure(
    "interrupted",
    f"Tonearm itself ended {MAX_INTERRUPTIONS} times while this file was being analysed.",
    "Check whether the machine ran out of memory or power; then `tonearm retry` it.",
)
GONE = Failure("gone", "The file is no longer there.", "Analyse the folder where it is now, or restore it.")
NOT_MOUNTED = (
    "its files can't be seen here: is it mounted? They wait, at no charge, for a worker that sees them"
)
NOT_REGULAR = Failure(
    "not-a-regular-file",
    "It is no longer a regular file below its folder, but a link, a pipe, a device or a folder.",
    "Analyse the file that it points to instead.",
)
REPLACED = Failure(
    "replaced",
    "The file changed while it was being analysed.",
    "Wait until nothing writes to it, then retry.",
    max_attempts=10,
)
NO_PERMISSION = Failure(
    "no-permission",
    "The file can't be opened: permission denied.",
    "Give the user that runs Tonearm the right to read it, then retry.",
)
DEADLINE = Failure(
    "deadline",
    "Its analysis took longer than its length allows and was stopped.",
    "Retry it when the machine is less busy, or raise deadline_base_s.",
    max_attempts=2,
)
INVALID_MESSAGES = Failure(
    "crashed",
    "Its process sent invalid messages and was stopped.",
    "The file is most likely damaged, or made to do harm: replace it.",
    max_attempts=2,
)
KILLED = Failure(
    "killed",
    "Its process was killed from outside, perhaps because the machine ran out of memory.",
    "Retry it; with little memory use fewer --workers.",
    max_attempts=8,
)
KILLED_FOR_MEMORY = Failure(
    "killed-for-memory",
    "The machine, or the container that Tonearm runs in, ran out of memory, and the kernel killed its process.",
    "Use fewer --workers or allow more memory, then retry it.",
    max_attempts=8,
)


def crashed(number: int) -> Failure:
    """The decoder crashed on a signal."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return Failure(
        "crashed",
        f"Its decoder crashed ({name}).",
        "The file is most likely damaged: get it again from its source, then retry.",
        max_attempts=3,
    )


def ended(status: int) -> Failure:
    """The child ended without reporting a result."""
    return Failure(
        "crashed",
        f"Its process ended with status {status} in the middle of the file.",
        "Retry it; if that does not help, the file is most likely damaged.",
        max_attempts=3,
    )


def unreadable(reason: str) -> Failure:
    """The file system reported an error, which may be temporary."""
    return Failure(
        "read-error",
        f"The file can't be read: {reason}.",
        "Check the disk, the cable or the network mount, then retry.",
        max_attempts=MAX_TRANSIENT_ATTEMPTS,
    )


CANCELLED_BY_PERSON = Failure(
    "cancelled", "Its run was cancelled.", "Analyse its folder again when you want it."
)


COARSE_FROM_S = 0.2
"""Missing seconds from this on are printed to a tenth, fewer to a thousandth."""


def incomplete(decoded_s: float | None, declared_s: float | None) -> Failure:
    """Less audio was decoded than the file declares; what was decoded is measured and stored."""
    missing_s = max(0.0, (declared_s or 0.0) - (decoded_s or 0.0))
    digits = 1 if missing_s >= COARSE_FROM_S else 3
    heard = f"Only {decoded_s or 0:.{digits}f} s of audio could be decoded"
    said = f" where the file declares {declared_s:.{digits}f} s" if missing_s else "; its end is missing"
    advice = "The file is truncated or damaged: get it again from its source."
    return Failure("incomplete", f"{heard}{said}.", advice)


def unstorable(error: Exception) -> Failure:
    """The database refuses the results of this file."""
    return Failure(
        "unstorable",
        f"What was found in it can't be stored: {str(error).splitlines()[0][:300]}.",
        "Report it, with the file if you can; `tonearm retry` tries it once more after an upgrade.",
    )
