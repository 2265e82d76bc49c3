"""Kills renames, write-backs and undos wherever it can matter: ``python -m tests.faults.kills [--record]``.

The tests kill at a sample of the system calls. This kills at each that the command makes between taking its lock and
its end and that changes something on a disk: what a kill at another one leaves, a kill at the next of these leaves too
(``tests.faults.traced`` says why). After each kill every sound must be there, the next start must settle what was
begun, and rows and files must agree. On the file system of ``--folder``, on one in memory, and from one to the other.
In the scenes that end in ``full`` and ``read-only`` the next start finds the disk in that state, and the one after it
finds it well.

--only WORD: of scenes whose name has this word, and each further one. --all: at the other calls too. --every N: at each
N-th. --record: write the numbers to results/kills.json. Needs strace, and FUSE for the scenes with trouble.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cases.rename_batches import empty_database
from tests.faults.test_rename_kills import Scene, made_scene
from tests.faults.test_tag_kills import made_tag_scene
from tests.faults.traced import Call
from tests.folding_folder import folding, trouble
from tests.performance.results import record
from tests.program import Program

RESULTS = Path(__file__).parent / "results"
MEMORY = Path("/dev/shm")  # noqa: S108  a folder of its own is made there


@dataclass(frozen=True)
class Sweep:
    """What is killed, where, and what is wrong with the disk when the next one starts."""

    group: str
    before: str
    where: str
    trouble: str | None = None

    @property
    def name(self) -> str:
        """What it is called, such as ``tags undo, memory, full``."""
        return ", ".join(filter(None, (f"{self.group} {self.before}", self.where, self.trouble)))


SWEEPS = [
    *(
        Sweep(group, before, where)
        for group, places in (("rename", ("disk", "memory", "across")), ("tags", ("disk", "memory")))
        for before in ("apply", "undo")
        for where in places
    ),
    *(
        Sweep(group, before, "disk", what)
        for what in ("full", "read-only")
        for group in ("rename", "tags")
        for before in ("apply", "undo")
    ),
]


@contextmanager
def scene_of(sweep: Sweep, empty: bytes, folder: Path | None) -> Iterator[tuple[Scene, Path]]:
    """The scene of a sweep, and the folder that ``trouble`` is made of."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        memory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY)))
        program, below = Program(work / "data"), work / "below"
        music = (memory if sweep.where == "memory" else work) / "music"
        if sweep.trouble is not None:
            music = stack.enter_context(folding(below, work / "shown")) / "music"
        elsewhere = memory / "elsewhere" if sweep.where == "across" else None
        if elsewhere is not None:
            elsewhere.mkdir()
        if sweep.group == "tags":
            yield made_tag_scene(work, empty, program, sweep.before, music), below
        else:
            yield made_scene(work, empty, program, sweep.before, elsewhere, music), below


def killed(sweep: Sweep, empty: bytes, options: argparse.Namespace) -> int:
    """Kill at the calls of a sweep; returns how many. Raises AssertionError where anything is lost."""
    with scene_of(sweep, empty, options.folder) as (scene, below):
        chosen = scene.calls(options.all)[:: options.every]
        for number, call in enumerate(chosen):
            try:
                _kill(scene, call, sweep, below)
            except BaseException:
                print(f"{sweep.name}: killed at {call[0]}, the {call[1]}th of its kind", file=sys.stderr)
                raise
            if number % 50 == 49:
                print(f"{sweep.name}: {number + 1} of {len(chosen)}", flush=True)
    return len(chosen)


def _kill(scene: Scene, call: Call, sweep: Sweep, below: Path) -> None:
    scene.kill_at(call)
    if sweep.trouble is not None:
        trouble(below, sweep.trouble)
        try:
            scene.start_in_trouble()
        finally:
            trouble(below, None)
    scene.check_after_kill()


def main() -> int:
    """Kill, print, and record."""
    parser = argparse.ArgumentParser(description="Kills what changes files wherever it can matter.")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    if shutil.which("strace") is None:
        parser.error("needs strace")
    empty = empty_database()
    which = " --all" * options.all + f" --every {options.every}" * (options.every > 1)
    for sweep in SWEEPS:
        if not all(word in sweep.name for word in options.only):
            continue
        began = time.monotonic()
        count = killed(sweep, empty, options)
        print(f"{sweep.name}: {count} kills, nothing lost, {time.monotonic() - began:.0f} s", flush=True)
        if options.record:
            command = f'python -m tests.faults.kills --only "{sweep.name}"{which}'
            record("kills", command, {"kills": count, "files lost": 0, "not settled": 0}, RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
