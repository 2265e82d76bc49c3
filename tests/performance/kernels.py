"""Whether both forms of the kernels publish the same: ``python -m tests.performance kernels FOLDER …``.

Analyses all music below the folders twice, natively and in NumPy, in two processes side by side, and prints what
differs of the values and series that would be stored. ``--save FILE`` keeps the native answers, and ``--against FILE``
compares with kept ones instead of NumPy's, which tells what a change of the program changes. Status 1 when anything
differs.
"""

import argparse
import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.performance.material import music_in

Answers = dict[str, Any]

_ANSWER = """
import sys
if sys.argv[1] == "numpy":
    sys.modules["tonearm.analysis._kernels"] = None
from tests.performance.kernels import answer
answer()
"""


def answer() -> None:
    """Read paths from standard input, a line each, and print what is found in each file as JSON."""
    from tests.performance.bare import ANALYSERS, measured_of

    for line in sys.stdin:
        with io.FileIO(line.rstrip("\n")) as file:
            measured = measured_of(file, ANALYSERS)
        found = {
            f"{name}.{item}": value
            for name, (_, findings) in measured.findings.items()
            for item, value in {**findings.values, **findings.series}.items()
        }
        print(json.dumps(found), flush=True)


def answers(form: str, paths: list[Path]) -> Iterator[Answers]:
    """What a process with that form of the kernels, ``native`` or ``numpy``, finds in each file."""
    command = [sys.executable, "-c", _ANSWER, form]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for path in paths:
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            yield json.loads(process.stdout.readline())


def differing(one: Answers, other: Answers) -> Iterator[str]:
    """The names of what differs."""
    yield from (name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name))


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description="Both forms of the kernels on the same files.")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--every", type=int, default=1, help="only every so manieth file")
    parser.add_argument("--save", type=Path, help="keep the native answers in this file")
    parser.add_argument("--against", type=Path, help="compare with answers that were kept, not with NumPy's")
    options = parser.parse_args()
    paths = [path for folder in options.folders for path in music_in(folder)][:: options.every]
    kept = json.loads(options.against.read_text()) if options.against else None
    if kept is not None:
        paths = [path for path in paths if str(path) in kept]
        others: Iterator[Answers] = (kept[str(path)] for path in paths)
    else:
        others = answers("numpy", paths)
    found: dict[str, Answers] = {}
    counts: Counter[str] = Counter()
    for path, one, other in zip(paths, answers("native", paths), others, strict=True):
        found[str(path)] = one
        for name in differing(one, other):
            counts[name] += 1
            print(f"{path.name}: {name}: {_short(one.get(name))} and {_short(other.get(name))}")
    if options.save:
        options.save.write_text(json.dumps(found))
    print(f"{len(paths)} files, {sum(counts.values())} differences: {dict(counts) or 'none'}")
    return 1 if counts else 0


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:50]}… ({len(text)} characters)"


if __name__ == "__main__":
    sys.exit(main())
