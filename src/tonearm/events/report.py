"""Reports mistakes of this program that cost no work: one line on standard error."""

import contextlib
import os
import sys
import traceback


def where(error: BaseException) -> str:
    """What was raised and in which line of which file."""
    frames = traceback.extract_tb(error.__traceback__)
    line = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{line}"


def report(text: str) -> None:
    """Write a line to standard error, if it can be written to."""
    with contextlib.suppress(OSError, ValueError):  # it is closed, or its reader has ended
        sys.stderr.write(f"tonearm: {text}\n")
        sys.stderr.flush()
