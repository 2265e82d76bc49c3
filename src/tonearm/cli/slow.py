"""``tonearm slow``: shows where the time of analysis went."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from tonearm.cli.opened import library
from tonearm.cli.options import WholeNumber, data_option, json_option, limit_option, print_json
from tonearm.cli.since import SINCE
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import is_terminal, say
from tonearm.names import printable
from tonearm.views.formatting import duration, moment, plural
from tonearm.views.slow import NEWEST, SlowAttempt, Span, Spent, Usage, longest_first

ROWS = 20
"""Number of rows that are shown by default."""
BY = ("stage", "file", "codec", "worker")

STAGE_COLUMNS = (
    Column("stage"),
    Column("share", right=True),
    Column("time", right=True),
    Column("× real time", rank=1, right=True),
    Column("attempts", rank=4, right=True),
    Column("mean", rank=2, right=True),
    Column("95 % below", rank=3, right=True),
)
FILE_COLUMNS = (
    Column("took", right=True),
    Column("× real time", rank=1, right=True),
    Column("waited", rank=5, right=True),
    Column("stored in", rank=6, right=True),
    Column("longest stage", rank=2),
    Column("ended", rank=7),
    Column("as", rank=3),
    Column("codec", rank=4),
    Column("worker", rank=8, least=12),
    Column("file", least=20, path=True),
)
_SHARED_COLUMNS = (
    Column("share", right=True),
    Column("time", right=True),
    Column("× real time", rank=1, right=True),
    Column("audio", rank=5, right=True),
    Column("attempts", rank=3, right=True),
    Column("mean", rank=2, right=True),
    Column("waited", rank=4, right=True),
    Column("stored in", rank=6, right=True),
    Column("longest stage", rank=2),
)
CODEC_COLUMNS = (Column("codec"), *_SHARED_COLUMNS)
WORKER_COLUMNS = (Column("worker", least=16), Column("host", rank=7), *_SHARED_COLUMNS)


@click.command()
@click.option(
    "--by",
    "by",
    type=click.Choice(BY),
    default="stage",
    show_default=True,
    help="What a row is about.",
)
@click.option("--run", metavar="RUN", type=WholeNumber(), help="Only jobs of this run that have ended.")
@click.option(
    "--since", metavar="WHEN", type=SINCE, help="Only what ended since then: 90m, 12h, 7d or a date and time."
)
@limit_option(ROWS)
@data_option
@json_option
def slow(by: str, run: int | None, since: float | None, limit: int, data: str | None, as_json: bool) -> None:
    """Show where the time of analysis went: shares of the stages, the slowest files, and each codec and worker.

    Shares and means are those of the newest attempts, up to 20,000; the slowest files are those of all attempts.
    """
    span = Span(since, run)
    with library(data) as app:
        if by == "file":
            _show_files(app.slow_work.slowest(span, limit), as_json)
            return
        usage = app.slow_work.usage(span)
    if by == "stage":
        spent = longest_first(usage.stages.values())
    else:
        spent = longest_first((usage.codecs if by == "codec" else usage.workers).values())
    if as_json:
        _print_json(by, usage, spent[:limit])
        return
    if not usage.attempts:
        say("No attempt has ended." if span == Span() else "No attempt has ended in this span.")
        return
    if is_terminal():
        _say_summary(usage)
    if by == "stage":
        _list_stages(usage, spent[:limit])
    else:
        _list_others(by, usage, spent[:limit])


def _say_summary(usage: Usage) -> None:
    work = usage.work
    speed = "" if work.times_real_time is None else f", {work.times_real_time:,.0f} × real time in each slot"
    bound = "" if usage.complete else f" (the newest {NEWEST:,} of them)"
    say(
        f"{plural(usage.attempts, 'attempt')}{bound} from {moment(usage.first_at)} to {moment(usage.last_at)}: "
        f"{duration(work.audio_s)} of audio in {duration(work.total_s)} of work{speed}."
    )


def _list_stages(usage: Usage, stages: Iterable[Spent]) -> None:
    with Listing(STAGE_COLUMNS) as listing:
        for spent in stages:
            listing.add(
                printable(spent.name),
                _percent(usage.share(spent)),
                _seconds(spent.total_s),
                _times(spent.times_real_time),
                f"{spent.attempts:,}",
                _seconds(spent.mean_s),
                _seconds(spent.p95_s),
            )


def _list_others(by: str, usage: Usage, entries: Iterable[Spent]) -> None:
    with Listing(CODEC_COLUMNS if by == "codec" else WORKER_COLUMNS) as listing:
        for spent in entries:
            host = () if by == "codec" else (printable(usage.hosts.get(spent.name, "")),)
            listing.add(
                printable(spent.name),
                *host,
                _percent(usage.share(spent)),
                _seconds(spent.total_s),
                _times(spent.times_real_time),
                duration(spent.audio_s),
                f"{spent.attempts:,}",
                _seconds(spent.mean_s),
                _seconds(spent.waited_s / spent.attempts),
                _seconds(spent.stored_s / spent.attempts),
                _longest(spent.stages),
            )


def _show_files(attempts: Sequence[SlowAttempt], as_json: bool) -> None:
    if as_json:
        for attempt in attempts:
            print_json({"by": "file"} | attempt.to_json())
        return
    with Listing(FILE_COLUMNS, "No attempt has ended.") as listing:
        for attempt in attempts:
            listing.add(
                _seconds(attempt.run_s),
                _times(attempt.times_real_time),
                _seconds(attempt.queue_wait_s),
                "" if attempt.store_s is None else _seconds(attempt.store_s),
                _longest(attempt.stages),
                moment(attempt.ended_at),
                attempt.code or attempt.outcome,
                printable(attempt.codec),
                printable(attempt.worker),
                printable(attempt.path),
            )


def _print_json(by: str, usage: Usage, entries: Iterable[Spent]) -> None:
    print_json(
        {
            "by": "all",
            "attempts": usage.attempts,
            "complete": usage.complete,
            "first_at": usage.first_at,
            "last_at": usage.last_at,
            "total_s": usage.work.total_s,
            "audio_s": usage.work.audio_s,
            "times_real_time": usage.work.times_real_time,
        }
    )
    for spent in entries:
        print_json({"by": by} | _entry_to_json(by, usage, spent))


def _entry_to_json(by: str, usage: Usage, spent: Spent) -> dict[str, Any]:
    fields: dict[str, Any] = {
        by: spent.name,
        "attempts": spent.attempts,
        "total_s": spent.total_s,
        "share": usage.share(spent),
        "audio_s": spent.audio_s,
        "times_real_time": spent.times_real_time,
        "mean_s": spent.mean_s,
        "p95_s": spent.p95_s,
    }
    if by == "stage":
        return fields
    host = {"host": usage.hosts.get(spent.name)} if by == "worker" else {}
    return fields | host | {"waited_s": spent.waited_s, "stored_s": spent.stored_s, "stages": spent.stages}


def _longest(stages: Mapping[str, float]) -> str:
    """The stage that took longest, with its share of all stages."""
    whole = sum(stages.values())
    if not whole:
        return ""
    name = max(stages, key=lambda stage: stages[stage])
    return f"{printable(name)} {stages[name] / whole:.0%}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _times(speed: float | None) -> str:
    return "" if speed is None else f"{speed:,.0f}"


def _seconds(seconds: float) -> str:
    """Seconds with as many digits as tell anything; minutes and hours from a minute on."""
    if seconds >= 60:
        return duration(seconds)
    return (
        f"{seconds:.1f} s"
        if seconds >= 10
        else f"{seconds:.2f} s"
        if seconds >= 0.1
        else f"{1000 * seconds:.1f} ms"
    )
