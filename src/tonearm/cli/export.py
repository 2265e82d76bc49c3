"""``tonearm export``: writes tracks into a file that another program reads."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any, BinaryIO, cast

import click

from tonearm.bootstrap.exporting import FORMATS, SEEKABLE, ExportOptions, export_tracks
from tonearm.bootstrap.library import Library
from tonearm.cli import INTERRUPTED
from tonearm.cli.opened import library
from tonearm.cli.options import PATH, WholeNumber, data_option, limit_option
from tonearm.cli.standard_output import ReaderGone
from tonearm.cli.track_filters import filters_and_order, query_of
from tonearm.events.report import report
from tonearm.export.exported import LeftOut
from tonearm.export.exporter import ExportOutcome
from tonearm.export.new_file import new_file
from tonearm.export.paths import Renaming
from tonearm.names import to_bytes
from tonearm.views.formatting import plural
from tonearm.views.tracks import TrackQuery
from tonearm.worker.signals import StopSwitch

SOME_LEFT_OUT = 1
_SAID = {
    LeftOut.NAME: "left out: the format can't hold the name",
    LeftOut.NO_DOWNBEAT: "without a beat grid: it is not known which beat begins a bar (--assume-downbeat: the first)",
    LeftOut.NO_ORIGIN: "without a beat grid: the MP3 file can't be read",
}


class Stopped(Exception):
    """A person has asked to stop; nothing is kept of the file."""


@click.command()
@click.argument("format_", metavar="FORMAT", type=click.Choice(FORMATS))
@click.argument("path", metavar="[PATH]", required=False, type=PATH)
@click.option(
    "--to", metavar="FILE", type=PATH, required=True, help="The file to write; - for standard output."
)
@click.option("--overwrite", is_flag=True, help="Replace a FILE that is there.")
@click.option(
    "--map", "maps", metavar="FROM=TO", multiple=True, help="Write paths below FROM as below TO; repeatable."
)
@click.option("--relative", is_flag=True, help="With m3u8 and mixxx: paths relative to the folder of FILE.")
@click.option("--full", is_flag=True, help="With jsonl: beats, windows, all tags, history.")
@click.option(
    "--assume-downbeat", is_flag=True, help="With rekordbox: the first beat of each track begins a bar."
)
@click.option(
    "--traktor-version",
    metavar="3|4",
    type=WholeNumber(3, 4),
    default=4,
    show_default=True,
    help="With traktor: 4 has beat grids of several tempi.",
)
@filters_and_order
@limit_option(None)
@data_option
def export(
    format_: str,
    path: str | None,
    to: str,
    overwrite: bool,
    maps: tuple[str, ...],
    relative: bool,
    full: bool,
    assume_downbeat: bool,
    traktor_version: int,
    limit: int | None,
    data: str | None,
    **given: Any,
) -> None:
    """Export tracks, of the whole library or at or below PATH, to a FILE in FORMAT.

    FORMAT is csv, jsonl, parquet, m3u8, mixxx (m3u8), rekordbox or traktor. FILE is there whole or not at all.

    \b
    Exit status:
      0    every track is in the file
      1    some tracks could not be written in this format
      2    wrong usage, or FILE can't be written
      130  stopped; FILE is as it was
    """
    options = ExportOptions(format_, maps, None, full, assume_downbeat, traktor_version)
    _check(options, to, relative)
    if relative:
        options = replace(options, relative_to=os.path.dirname(os.path.abspath(to_bytes(to))))
    stop = StopSwitch()

    def written(opened: Library, query: TrackQuery, file: BinaryIO) -> ExportOutcome:
        outcome = export_tracks(opened, query, limit, options, file, lambda: stop.requests > 0)
        if outcome.interrupted:
            raise Stopped
        return outcome

    with library(data) as opened, stop.on_signals():
        query = query_of(opened, path, given)
        try:
            outcome = (
                _to_standard_output(options, lambda file: written(opened, query, file))
                if to == "-"
                else _to_file(to, overwrite, lambda file: written(opened, query, file))
            )
        except Stopped as error:
            raise click.exceptions.Exit(INTERRUPTED) from error
    _tell(outcome, to)
    if LeftOut.NAME in outcome.without:
        raise click.exceptions.Exit(SOME_LEFT_OUT)


def _check(options: ExportOptions, to: str, relative: bool) -> None:
    """Refuse options that the format does not have. Raises click.UsageError."""
    if relative and (options.format not in ("m3u8", "mixxx") or to == "-"):
        raise click.UsageError("--relative is for m3u8 and mixxx, and needs a FILE")
    if options.full and options.format != "jsonl":
        raise click.UsageError("--full is for jsonl")
    if options.assume_downbeat and options.format != "rekordbox":
        raise click.UsageError("--assume-downbeat is for rekordbox")
    if to == "-" and options.format == "parquet":
        raise click.UsageError("parquet needs a FILE")
    try:
        Renaming(options.maps)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _to_file(to: str, overwrite: bool, write: Callable[[BinaryIO], ExportOutcome]) -> ExportOutcome:
    with new_file(to_bytes(to), overwrite) as file:
        return write(file)


def _to_standard_output(options: ExportOptions, write: Callable[[BinaryIO], ExportOutcome]) -> ExportOutcome:
    output = cast(BinaryIO, sys.stdout.buffer)
    try:
        if options.format not in SEEKABLE:
            outcome = write(output)
        else:
            with tempfile.TemporaryFile() as file:
                outcome = write(cast(BinaryIO, file))
                file.seek(0)
                shutil.copyfileobj(file, output)
        output.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error
    return outcome


def _tell(outcome: ExportOutcome, to: str) -> None:
    for code, number in outcome.without.items():
        report(f"{plural(number, 'track')} {_SAID[code]}")
    if to != "-":
        report(f"{plural(outcome.written, 'track')} written")
