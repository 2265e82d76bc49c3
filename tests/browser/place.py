"""The library of the walk: music with faults, the processes that analyse and serve it, and its database."""

import os
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.material import good, truncated
from tests.program import Program

SAMPLES = Path(__file__).parents[2] / "samples"
GENERATED = 24
READ_MB_S = "0.2"
"""What a child may read in a second: so slow that the buttons of a run can be pressed while it lasts."""
LONGEST_S = 240.0
WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Becomes a command for which root's files are as closed as for anybody else."""


def make_music(folder: Path) -> Path:
    """Write the samples, many short files and the faults; returns the folder that can't be read."""
    shutil.copytree(SAMPLES, folder)
    for number in range(GENERATED):
        (folder / f"short {number:02}.flac").write_bytes(good("flac", seed=number + 2))
    (folder / "cut.flac").write_bytes(truncated(good("flac", seed=1)))
    (folder / "damaged.ogg").write_bytes((SAMPLES / "01 Morning Platform.ogg").read_bytes()[:3000])
    (folder / "no music.mp3").write_bytes(b"<script>alert(1)</script>")
    (folder / "empty.wav").write_bytes(b"")
    (folder / "caf\u00e9 <b onclick=alert(1)> & co.flac").write_bytes(good("flac", seed=100))
    (Path(os.fsdecode(bytes(folder) + b"/not utf-8 \xe9.flac"))).write_bytes(good("flac", seed=101))
    closed = folder / "closed"
    closed.mkdir()
    (closed / "hidden.flac").write_bytes(good("flac", seed=102))
    closed.chmod(0)
    return closed


def through() -> Sequence[str]:
    """What the command has to be started through so that a closed folder is closed for it."""
    return WITHOUT_RIGHTS if os.geteuid() == 0 else ()


def until(holds: Callable[[], Any], longest_s: float = LONGEST_S) -> Any:
    """Wait until something holds; returns it. Raises TimeoutError."""
    end = time.monotonic() + longest_s
    while not (found := holds()):
        if time.monotonic() > end:
            raise TimeoutError(f"{holds} still does not hold after {longest_s:.0f} s")
        time.sleep(0.05)
    return found


@dataclass(frozen=True)
class Place:
    """A library and its service. music: the folder of its files."""

    program: Program
    music: Path
    url: str

    def value(self, statement: str, *values: object) -> Any:
        """The first value that a statement gives."""
        return self.program.query(statement, *values)[0][0]


@contextmanager
def served(program: Program, *options: str) -> Iterator[str]:
    """``tonearm serve`` over the library of a program; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = program.start("serve", "--listen", address, *options, through=through())
    try:
        until(lambda: process.poll() is not None or _answers(f"http://{address}/health"))
        if process.poll() is not None:
            raise RuntimeError(process.communicate()[1].decode())
        yield f"http://{address}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310  our own service
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
