"""Starts and ends disposable processes, which run a module of this program."""

import os
import subprocess
import sys
import threading

ABOVE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""The folder that holds this package."""


def command_of(module: str, *arguments: str) -> list[str]:
    """The command that calls ``main`` of a module in an interpreter that loads nothing else.

    arguments: those that ``main`` finds in ``sys.argv`` from 2 on.
    """
    program = (
        f"import gc, sys; gc.disable(); sys.path.insert(0, sys.argv[1]); from {module} import main; main()"
    )
    return [sys.executable, "-I", "-S", "-c", program, ABOVE, *arguments]


def started(module: str) -> "subprocess.Popen[bytes]":
    """Start a process that is asked through its standard input, and answers through its standard output."""
    return subprocess.Popen(  # noqa: S603  our own interpreter and our own module
        command_of(module),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={},
    )


def end(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Kill a process and wait for its end, so many seconds at most.

    One that hangs in the kernel ends later by itself; a thread waits for it.
    """
    process.kill()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, name=f"end of {process.pid}", daemon=True).start()
