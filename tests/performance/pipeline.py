"""What the pipeline adds to the bare analysis: ``python -m tests.performance pipeline FOLDER [--rounds N]``.

Decoding, the analysis without the pipeline, and the whole command are measured in turn in the same run, because the
speed of a machine varies; prints medians, the ratio of the whole command to the analysis alone, and the speed of the
whole command as a share of that of decoding. On a machine that does other things too, the same share by CPU seconds, of
the analysis alone, says more. Each stage's share is that of the analysis alone.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.performance.bare import Round, analyse, decode_only, run
from tests.program import Program
from tonearm.analysis.kernels import NATIVE
from tonearm.settings import EXTENSIONS


def pipeline(paths: Sequence[Path], workers: int) -> Round:
    """The real command over the same files, in a library of its own; its start is not counted, its end is."""
    with tempfile.TemporaryDirectory() as data, Program(Path(data)) as program:
        process = program.start("analyze", *paths, "--workers", str(workers), "--json")
        assert process.stdout is not None
        found = Round(files=len(paths))
        began = ended = 0.0
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "job_started" and not began:
                began = time.perf_counter()
            if event["event"] == "job_finished":
                ended = time.perf_counter()
                found.audio_s += event["decoded_s"]
                assert event["state"] == "done", event
        assert process.wait() == 0
    found.wall_s = ended - began
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Throughput over real files.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=48, help="at most so many, evenly chosen")
    parser.add_argument("--workers", type=int, nargs="+", default=(1, 2))
    options = parser.parse_args()
    paths = chosen(options.folder, options.files)
    if not paths:
        print(f"{options.folder}: no music", file=sys.stderr)
        return 2
    size = sum(path.stat().st_size for path in paths) / 1e6
    print(
        f"{len(paths)} files, {size:.0f} MB, kernels: {'native' if NATIVE else 'NumPy'}, rounds: {options.rounds}"
    )
    print(f"{'':24}{'workers':>8}{'x real time':>13}{'tracks/h':>10}{'wall s':>9}")
    for workers in options.workers:
        table(paths, workers, options.rounds)
    return 0


def table(paths: Sequence[Path], workers: int, rounds: int) -> None:
    """Measure all three in turn and print their medians."""
    decoded, bare, whole = [], [], []
    for _ in range(rounds):
        decoded.append(run(decode_only, paths, workers))
        bare.append(run(analyse, paths, workers))
        whole.append(pipeline(paths, workers))
    for name, found in (("decode only", decoded), ("bare analysis", bare), ("whole pipeline", whole)):
        wall_s = statistics.median(one.wall_s for one in found)
        audio_s = found[0].audio_s
        print(
            f"{name:24}{workers:8}{audio_s / wall_s:13.0f}{found[0].files / wall_s * 3600:10.0f}{wall_s:9.2f}"
        )
    ratios = [one.wall_s / other.wall_s for one, other in zip(whole, bare, strict=True)]
    print(
        f"{'pipeline / bare':24}{workers:8}{statistics.median(ratios):13.3f}   ({min(ratios):.3f} to {max(ratios):.3f})"
    )
    speeds = [one.wall_s / other.wall_s for one, other in zip(decoded, whole, strict=True)]
    spent = [one.cpu_s / other.cpu_s for one, other in zip(decoded, bare, strict=True)]
    for name, parts in (("pipeline of decode only", speeds), ("bare, by CPU seconds", spent)):
        print(
            f"{name:24}{workers:8}{statistics.median(parts):13.3f}   ({min(parts):.3f} to {max(parts):.3f})"
        )
    if workers == 1:
        total = sum(bare[0].stages.values())
        shares = sorted(bare[0].stages.items(), key=lambda stage: -stage[1])
        print("shares: " + ", ".join(f"{name} {seconds / total:.1%}" for name, seconds in shares))


def chosen(folder: Path, most: int) -> list[Path]:
    """Music files below a folder, evenly spread over their sorted names."""
    found = sorted(
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if name.rsplit(".", 1)[-1].lower() in EXTENSIONS
    )
    step = max(1, len(found) / most)
    return [found[int(number * step)] for number in range(min(most, len(found)))]


if __name__ == "__main__":
    sys.exit(main())
