"""Jobs a second of two versions: ``python -m tests.performance jobs_compared PYTHON [--pairs N] [-- OPTION ...]``.

PYTHON is the interpreter of an environment in which the other version is installed; both are measured by the code of
this folder. What follows ``--`` are options of ``jobs``. Prints the median of each figure of both, and the median and
the range of this version's figure by the other's right before or after it.
"""

import argparse
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

FIGURES = ("enqueued/s", "jobs/s", "SELECT 1/s", "ratio", "CPU ms")
"""The last columns of what ``jobs`` prints."""

Rows = dict[str, dict[str, float]]


def measured(python: str, options: list[str]) -> Rows:
    """The figures of one call of ``jobs``, by the kind of the pipeline and the number of supervisors."""
    command = [python, "-m", "tests.performance.jobs", *options]
    printed = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    rows: Rows = {}
    for line in printed.stdout.splitlines()[1:]:
        *name, workers = line.split()[: -len(FIGURES)]
        values = map(float, line.split()[-len(FIGURES) :])
        rows[f"{' '.join(name)}, {workers}"] = dict(zip(FIGURES, values, strict=True))
    return rows


def main() -> int:
    """Measure and print."""
    arguments, _, passed = " ".join(sys.argv[1:]).partition(" -- ")
    parser = argparse.ArgumentParser(description="Jobs a second of two versions in turn.")
    parser.add_argument("python", help="interpreter of the environment of the other version")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args(arguments.split())
    pairs: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = defaultdict(list)
    for turn in range(options.pairs):
        order = [sys.executable, options.python][:: 1 if turn % 2 else -1]
        found = {python: measured(python, passed.split()) for python in order}
        for kind, figures in found[sys.executable].items():
            pairs[kind].append((figures, found[options.python][kind]))
    print(f"{'':28}{'figure':14}{'other':>10}{'this':>10}{'this / other':>14}   (range)")
    for kind, both in pairs.items():
        for figure in FIGURES:
            here, other = [one[figure] for one, _ in both], [one[figure] for _, one in both]
            by_pair = [this / that for this, that in zip(here, other, strict=True)]
            print(
                f"{kind:28}{figure:14}{statistics.median(other):10.3f}{statistics.median(here):10.3f}"
                f"{statistics.median(by_pair):14.2f}   ({min(by_pair):.2f} to {max(by_pair):.2f})"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
