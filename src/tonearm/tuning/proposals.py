"""Turns what was measured into settings, each with its reason; refuses where the differences are within the spread."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tonearm.tuning.measured import Measured
from tonearm.tuning.plan import MEMORY_SHARE, REPEATS
from tonearm.tuning.throughput import Speed

MARGIN = 0.03
"""A setting that is faster by no more than this is not proposed."""
LEAST_MEMORY_MB = 256
ROUND_TRIPS = 2
"""So many times as long as a question to RabbitMQ does a slot wait for the message of the next file, as measured."""
ROOM = 2.0
"""A child may use so many times the memory that the largest one needed here."""
START_SHARE = 0.02
"""Share of the work that starting children may take."""
MOST_RECYCLE = 10
"""So many times as late as now may a child be replaced."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a setting should be. ``proposed`` is ``now`` where it should stay.

    reason: a sentence. expected: the change of the speed as a share, ``None`` where it is not about that; spread: of
    the measurements that this is concluded from.
    """

    setting: str
    now: int
    proposed: int
    reason: str
    expected: float | None = None
    spread: float | None = None

    @property
    def changes(self) -> bool:
        """Whether the setting should be changed."""
        return self.proposed != self.now


def proposals(measured: Measured) -> list[Proposal]:
    """A proposal for each setting that something was measured about."""
    return [*_workers(measured), *_memory(measured), *_recycling(measured), *_prefetch(measured)]


def best_workers(measured: Measured) -> int | None:
    """The number of workers that is proposed, or kept; ``None`` where nothing was measured."""
    for proposal in _workers(measured):
        return proposal.proposed or max(measured.speeds(), default=None)
    return None


def _workers(measured: Measured) -> Iterator[Proposal]:
    speeds, now = measured.speeds(), measured.settings.workers
    if not speeds:
        return
    fastest = max(speeds, key=lambda workers: speeds[workers].median)
    if not now:
        reason = "0 leaves the work to other processes; what is best for those of this machine is in the list"
        yield Proposal("workers", now, now, reason, None, speeds[fastest].spread)
        return
    if now > measured.most_workers:
        fitting = [workers for workers in speeds if workers <= measured.most_workers]
        best = smallest_as_fast(speeds, max(fitting, key=lambda one: speeds[one].median, default=fastest))
        yield Proposal("workers", now, best, _no_room(measured, now), None, speeds[best].spread)
        return
    if now not in speeds:
        yield Proposal("workers", now, now, "the present number was not measured", None, None)
        return
    yield _faster(speeds, now, fastest)


def _faster(speeds: Mapping[int, Speed], now: int, fastest: int) -> Proposal:
    present, best = speeds[now], speeds[fastest]
    spread = max(present.spread, best.spread)
    if min(len(present.repeats), len(best.repeats)) < REPEATS:
        times = min(len(present.repeats), len(best.repeats))
        often = "once" if times == 1 else f"{times} times"
        reason = f"measured {often} only: nothing is concluded; give it more --seconds"
        return Proposal("workers", now, now, reason, None, spread)
    if not best.is_above(present, MARGIN):
        if best.median > present.median * (1 + MARGIN):
            reason = (
                f"{fastest} may be faster by {best.median / present.median - 1:.0%}, and the measurements differ by "
                f"± {spread:.0%}: measure for longer, or on a quieter machine"
            )
        else:
            reason = f"no other number was faster by more than {MARGIN:.0%}"
        return Proposal("workers", now, now, reason, 0.0, spread)
    proposed = smallest_as_fast(speeds, fastest, REPEATS)
    gain = speeds[proposed].median / present.median - 1
    reason = f"{speeds[proposed].median:,.0f} files an hour instead of {present.median:,.0f}"
    if proposed < fastest:
        reason += f"; {fastest} are not faster by more than {MARGIN:.0%}"
    return Proposal("workers", now, proposed, reason, gain, max(present.spread, speeds[proposed].spread))


def smallest_as_fast(speeds: Mapping[int, Speed], fastest: int, repeats: int = 1) -> int:
    """The least number of workers that is within the margin of the fastest, measured at least so often."""
    return min(
        workers
        for workers, speed in speeds.items()
        if speed.median * (1 + MARGIN) >= speeds[fastest].median
        and (len(speed.repeats) >= repeats or workers == fastest)
    )


def _no_room(measured: Measured, workers: int) -> str:
    needed = measured.parent.own_mb + workers * measured.child.own_mb
    return (
        f"{workers} workers need {needed:,.0f} MB, and this process may use {measured.machine.memory_mb or 0:,} MB; "
        f"{measured.most_workers} fit"
    )


def _memory(measured: Measured) -> Iterator[Proposal]:
    """The limit of one file's analysis: a child must be able to reach it before the machine has no memory left."""
    now, room_mb = measured.settings.memory_mb, measured.machine.memory_mb
    needs_mb = measured.child.counted_mb
    workers = best_workers(measured)
    if room_mb is None or not needs_mb or workers is None:
        return
    left_mb = room_mb * MEMORY_SHARE - measured.parent.own_mb - (workers - 1) * measured.child.own_mb
    if now <= left_mb:
        reason = (
            f"one file that needs all of it fits into {room_mb:,} MB; those measured needed {needs_mb:.0f} MB"
        )
        yield Proposal("memory_mb", now, now, reason)
        return
    least = max(LEAST_MEMORY_MB, math.ceil(needs_mb * ROOM / 64) * 64)
    proposed = max(least, int(left_mb) // 64 * 64)
    if proposed >= now:
        reason = (
            f"less than {least} MB may be too little for a file, although {room_mb:,} MB are all there is"
        )
        yield Proposal("memory_mb", now, now, reason)
        return
    reason = (
        f"a file that needs {now} MB would exhaust the {room_mb:,} MB of this process before it is ended for it; "
        f"those measured needed {needs_mb:.0f} MB"
    )
    yield Proposal("memory_mb", now, proposed, reason)


def _recycling(measured: Measured) -> Iterator[Proposal]:
    """How many files a child analyses until it is replaced: starting it must be a small part of the work."""
    workers = best_workers(measured)
    works = measured.works(workers) if workers is not None else ()
    if workers is None or not works:
        return
    settings = measured.settings
    file_s = sum(work.ended - work.began for work in works) / len(works)
    start_s = min(each.start_s for each in measured.of(workers))
    by_size = settings.recycle_mb * 1e6 / measured.mean_size
    files = min(settings.recycle_files, by_size)
    share = start_s / (start_s + files * file_s)
    name = "recycle_files" if settings.recycle_files <= by_size else "recycle_mb"
    now = settings.recycle_files if name == "recycle_files" else settings.recycle_mb
    if share <= START_SHARE:
        reason = f"the start of children takes {share:.1%} of the time"
        yield Proposal(name, now, now, reason, 0.0)
        return
    times = min(MOST_RECYCLE, math.ceil(start_s / (START_SHARE / 2) / file_s / files))
    reason = (
        f"a child needs {start_s:.1f} s to start and {files * file_s:.0f} s for {files:.0f} files: "
        f"starting takes {share:.0%} of the time"
    )
    expected = (1 / (start_s / times + files * file_s)) / (1 / (start_s + files * file_s)) - 1
    yield Proposal(name, now, now * times, reason, expected)


def _prefetch(measured: Measured) -> Iterator[Proposal]:
    """How many messages are to be under way: a slot must not wait for the next one from a broker that is far away."""
    workers, now = best_workers(measured), measured.settings.prefetch
    questions = [each for each in measured.servers if each.server == "RabbitMQ" and each.reason is None]
    works = measured.works(workers) if workers is not None else ()
    if workers is None or not questions or not works:
        return
    file_s = sum(work.ended - work.began for work in works) / len(works)
    wait_s = ROUND_TRIPS * questions[0].middle_ms / 1000
    share = wait_s / (file_s + wait_s)
    often = f"a slot waits {wait_s * 1000:.1f} ms for the message of the next file, and works {file_s:.2f} s on it"
    if share <= MARGIN or now >= workers:
        yield Proposal("prefetch", now, now, often, 0.0)
        return
    yield Proposal("prefetch", now, workers, f"{often}; so the next ones are sent ahead", share / (1 - share))
