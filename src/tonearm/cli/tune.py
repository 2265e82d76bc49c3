"""``tonearm tune``: measures this machine on real music, and proposes settings."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from tonearm.bootstrap.tune import Measurements, chosen_files, refuse_while_analysing
from tonearm.cli import INTERRUPTED
from tonearm.cli.options import PATH, Number, chosen_settings, data_option, json_option, print_json
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import say, terminal_width
from tonearm.cli.tune_json import tune_rows
from tonearm.errors import NotFound
from tonearm.names import printable
from tonearm.settings import Loaded, located_config
from tonearm.tuning.advice import bottleneck, gains, shares_of_work
from tonearm.tuning.measured import Measured
from tonearm.tuning.proposals import Proposal, best_workers, proposals
from tonearm.views.formatting import plural
from tonearm.worker.signals import StopSwitch

SECONDS = 90
BUSY = 0.1
"""Share of the processor that others use, above which a person is told."""

SPEED_COLUMNS = (
    Column("workers", right=True),
    Column("files an hour", right=True),
    Column("spread", right=True),
    Column("measured", rank=1, right=True),
    Column("processor", rank=2, right=True),
)
SERVER_COLUMNS = (Column("server"), Column("call"), Column("middle", right=True), Column("range", right=True))


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=PATH)
@click.option(
    "--seconds",
    type=Number(1, 3600),
    default=SECONDS,
    show_default=True,
    help="How long to measure, about.",
)
@click.option("--write", is_flag=True, help="Write what is proposed into the settings file.")
@data_option
@json_option
def tune(paths: Sequence[str], seconds: float, write: bool, data: str | None, as_json: bool) -> None:
    """Measure this machine on real music, name the bottleneck, and propose settings.

    Without a PATH, files of the library are measured, or the samples that come with the source. They are
    analysed by real child processes, into a library of its own that is removed at the end. Nothing is changed,
    unless by --write.

    \b
    Exit status:
      0    success
      2    wrong usage, or nothing could be measured
      130  stopped
    """
    loaded = chosen_settings({"data_dir": data})
    settings = loaded.settings
    refuse_while_analysing(settings)
    stop = StopSwitch()
    with stop.on_signals(), _progress() as tell:
        tell("choosing files")
        sample, source = chosen_files(
            settings, [os.fsencode(path) for path in paths], stopping := lambda: stop.requests > 0
        )
        if not sample:
            raise NotFound("there is no file to measure with")
        measured = Measurements(settings, sample, seconds, tell, stopping).run()
    if stop.requests:
        raise click.exceptions.Exit(INTERRUPTED)
    found = proposals(measured)
    if as_json:
        for row in tune_rows(measured, source, found):
            print_json(row)
    else:
        _show(measured, source, found)
    changes = [proposal for proposal in found if proposal.changes]
    if write:
        _write(changes, loaded, as_json)
    elif changes and not as_json:
        say(f"`tonearm tune --write` writes this into {printable(str(located_config()))}.")


@contextmanager
def _progress() -> Iterator[Any]:
    """A function that shows in one line what is being measured, where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return

    def tell(what: str) -> None:
        text = f"measuring: {what}"[: terminal_width() - 1]
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _show(measured: Measured, source: str, found: Sequence[Proposal]) -> None:
    memory = measured.machine.memory_mb
    say(
        f"Measured for {measured.elapsed_s:.0f} s with {plural(measured.files, 'file')} of {source}: "
        f"{measured.mean_size / 1e6:.1f} MB each; {measured.cores:g} cores"
        + (f", {memory:,} MB of memory." if memory else ".")
    )
    if measured.failures:
        say(
            f"{plural(len(measured.failures), 'attempt')} failed, the last one because: {measured.failures[-1]}."
        )
    if measured.others_share() > BUSY:
        say(f"Other programs used {measured.others_share():.0%} of the processor meanwhile.", "yellow")
    _list_speeds(measured)
    _list_servers(measured)
    _say_advice(measured)
    for proposal in found:
        say(_told(proposal), "bold" if proposal.changes else "")


def _told(proposal: Proposal) -> str:
    """A proposal in one sentence."""
    if not proposal.changes:
        return f"{proposal.setting} = {proposal.now} stays: {proposal.reason}."
    gain = "" if not proposal.expected else f", {proposal.expected:+.0%}"
    spread = "" if proposal.spread is None or not gain else f" (± {proposal.spread:.0%})"
    return f"{proposal.setting} = {proposal.proposed} instead of {proposal.now}{gain}{spread}: {proposal.reason}."


def _list_speeds(measured: Measured) -> None:
    with Listing(SPEED_COLUMNS) as listing:
        for workers, speed in measured.speeds().items():
            listing.add(
                str(workers),
                f"{speed.median:,.0f}",
                f"± {speed.spread:.0%}" if len(speed.repeats) > 1 else "",
                f"{len(speed.repeats)} ×",
                f"{measured.processor_share(workers):.0%}",
            )


def _list_servers(measured: Measured) -> None:
    if not measured.servers:
        return
    with Listing(SERVER_COLUMNS) as listing:
        for each in measured.servers:
            told = each.reason or f"{each.least_ms:.2f} to {each.most_ms:.2f} ms"
            listing.add(each.server, each.what, "" if each.reason else f"{each.middle_ms:.2f} ms", told)


def _say_advice(measured: Measured) -> None:
    best = best_workers(measured)
    if best is not None:
        parts = ", ".join(f"{part} {share:.0%}" for part, share in shares_of_work(measured, best).items())
        say(f"Where a slot's time goes with {plural(best, 'worker')}: {parts}.")
    reading = measured.reading
    if reading is not None:
        by = f"{reading.one_mb_s:,.0f} MB a second, {reading.several_mb_s:,.0f} by {reading.readers} readers"
        say(f"Reading: {by}{_FROM[reading.cold]}.")
    held_up = bottleneck(measured)
    if held_up is not None:
        say(f"The limit: {held_up.limit}; {held_up.reason}.")
    for gain in gains(measured):
        share = f"about {gain.share:+.0%}" if gain.share else "not known" if gain.share is None else "nothing"
        say(f"{_HARDWARE[gain.hardware]}: {share}; {gain.reason}.")


_FROM = {True: ", from the disk", False: ", from memory, as this system keeps it there", None: ""}
_HARDWARE = {"core": "One more core", "disk": "A faster disk or network"}


def _write(changes: Sequence[Proposal], loaded: Loaded, as_json: bool) -> None:
    from tonearm.settings.writing import write_numbers

    path = located_config()
    if changes:
        write_numbers(path, {proposal.setting: proposal.proposed for proposal in changes})
    if as_json:
        return
    if not changes:
        say("Nothing is written, as nothing is to be changed.")
        return
    say(f"Written into {printable(str(path))}: {', '.join(proposal.setting for proposal in changes)}.")
    for proposal in changes:
        if loaded.origins[proposal.setting] == "environment":
            say(
                f"TONEARM_{proposal.setting.upper()} is set in the environment and has precedence: remove it there.",
                "yellow",
            )
