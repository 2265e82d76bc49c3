"""Ends disposable processes."""

import subprocess
import threading


def end(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Kill a process and wait for its end, so many seconds at most.

    One that hangs in the kernel ends later by itself; a thread waits for it.
    """
    process.kill()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        threading.Thread(target=process.wait, name=f"end of {process.pid}", daemon=True).start()
