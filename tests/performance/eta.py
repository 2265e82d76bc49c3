"""Accuracy of the remaining time: ``python -m tests.performance.eta``.

Replays the runs in ``tests/recorded_runs`` and prints predicted / actual at shares of each run, below 1 where the
prediction was too short: for a first run, that knows nothing of the machine, and for one that knows what the formats
needed. ``off by`` is the median factor between prediction and truth, either way.
"""

import math
import statistics
from collections.abc import Mapping

from tests.recorded_runs.replay import Moment, names, read, replay

SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def main() -> None:
    """Print a line a run."""
    print(
        f"{'run':22}{'knows':8}{'lasted':>8}{'first':>7}", *(f"{share:5.0%}" for share in SHARES), " off by"
    )
    for name in names():
        for title, cost in (("nothing", {}), ("formats", cost_of(name))):
            print(line(name, title, replay(name, cost)))


def line(name: str, title: str, moments: list[Moment]) -> str:
    """How one run was predicted."""
    whole_s = moments[-1].at_s + moments[-1].actual_s
    known = next((f"{moment.at_s:.0f} s" for moment in moments if moment.predicted_s is not None), "–")
    ratios = [at(moments, share * whole_s).ratio for share in SHARES]
    shown = " ".join("    –" if ratio is None else f"{ratio:5.2f}" for ratio in ratios)
    return f"{name:22}{title:8}{whole_s:6.0f} s{known:>7} {shown} {off_by(moments):7.2f}"


def at(moments: list[Moment], at_s: float) -> Moment:
    """The moment nearest to a time."""
    return min(moments, key=lambda moment: abs(moment.at_s - at_s))


def off_by(moments: list[Moment]) -> float:
    """The median factor between prediction and truth, 1 or more."""
    ratios = [moment.ratio for moment in moments if moment.ratio]
    return math.exp(statistics.median(abs(math.log(ratio)) for ratio in ratios))


def cost_of(name: str) -> Mapping[str, float]:
    """Seconds of work per byte by format, as the library would know them after this run."""
    work_s: dict[str, float] = {}
    size: dict[str, int] = {}
    for event in read(name):
        if event["event"] == "job_finished" and event["decoded_s"]:
            extension = event["extension"]
            work_s[extension] = work_s.get(extension, 0.0) + event["run_s"]
            size[extension] = size.get(extension, 0) + event["size"]
    return {extension: seconds / size[extension] for extension, seconds in work_s.items()}


if __name__ == "__main__":
    main()
