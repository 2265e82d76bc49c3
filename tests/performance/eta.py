"""Accuracy of the remaining time: ``python -m tests.performance eta``.

Replays the runs in ``tests/recorded_runs``, each as a first run, in a library that knows nothing, and on a machine that
has learned: from all the other recordings, never from the replayed one. For each it prints

error: |estimated end - real end| / real remaining time, the median over all seconds after a tenth of the work was done.
total: the same difference by the duration of the run. in range: share of those seconds at which the real end was in the
range. width: median of the upper by the lower end of the range. Then estimated / real remaining time at shares of the
work, below 1 where the estimate was too short.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.recorded_runs.replay import Moment, learned_from, names, replay

AFTER = 0.1
SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well one run was predicted after a tenth of its work."""

    error: float
    of_total: float
    in_range: float
    width: float


def after_a_tenth(moments: Sequence[Moment]) -> list[Moment]:
    """The moments after a tenth of the work."""
    return [moment for moment in moments if moment.done >= AFTER]


def accuracy(moments: Sequence[Moment]) -> Accuracy:
    """Medians over the moments after a tenth of the work; a moment without an estimate is an error of 100 %."""
    late = after_a_tenth(moments)
    whole_s = moments[0].at_s + moments[0].left_s
    errors = _errors(late)
    return Accuracy(
        _median(late),
        statistics.median(
            error * moment.left_s / whole_s for error, moment in zip(errors, late, strict=True)
        ),
        _in_range(late),
        statistics.median(
            (moment.outlook.eta_high_s or 0.0) / (moment.outlook.eta_low_s or 1.0)
            for moment in late
            if moment.outlook.eta_low_s
        ),
    )


def _errors(moments: Sequence[Moment]) -> list[float]:
    return [1.0 if moment.error is None else moment.error for moment in moments]


def _median(moments: Sequence[Moment]) -> float:
    return statistics.median(_errors(moments))


def _in_range(moments: Sequence[Moment]) -> float:
    return statistics.mean(moment.in_range for moment in moments)


def first(name: str) -> list[Moment]:
    """A recorded run in a library that knows nothing."""
    return replay(name)


def later(name: str) -> list[Moment]:
    """A recorded run on a machine that has learned from all the other recordings."""
    return replay(name, learned_from(other for other in names() if other != name))


def main() -> None:
    """Print a line a run."""
    print(
        f"{'run':20}{'knows':8}{'lasted':>7}{'error':>7}{'total':>7}{'range':>7}{'width':>7} ",
        *(f"{share:5.0%}" for share in SHARES),
    )
    for title, run in (("nothing", first), ("others", later)):
        found: list[Moment] = []
        for name in names():
            moments = run(name)
            found += after_a_tenth(moments)
            print(line(name, title, moments, accuracy(moments)))
        print(f"{'all seconds':20}{title:8}{'':>7}{_median(found):7.1%}{'':7}{_in_range(found):7.0%}")


def line(name: str, title: str, moments: Sequence[Moment], found: Accuracy) -> str:
    """How one run was predicted."""
    whole_s = moments[-1].at_s + moments[-1].left_s
    ratios = [ratio(moments, share) for share in SHARES]
    shown = " ".join("    –" if one is None else f"{one:5.2f}" for one in ratios)
    return (
        f"{name:20}{title:8}{whole_s:5.0f} s{found.error:7.1%}{found.of_total:7.1%}{found.in_range:7.0%}"
        f"{found.width:7.1f}  {shown}"
    )


def ratio(moments: Sequence[Moment], done: float) -> float | None:
    """Estimated by real remaining time when this share of the work was done."""
    return min(moments, key=lambda one: abs(one.done - done)).ratio


if __name__ == "__main__":
    main()
