"""``tonearm tempo``: lists tempi that are in doubt; sets, locks and unlocks them."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import click

from tonearm.cli.opened import library
from tonearm.cli.options import PATH, Number, data_option, json_option, limit_option, print_json, where
from tonearm.cli.tables import Column, Listing
from tonearm.cli.track_filters import filters, query_of
from tonearm.cli.value_locks import change_locks
from tonearm.library.value_locks import with_tempo, without_tempo
from tonearm.names import path_fields, printable
from tonearm.views.doubtful_tempi import DoubtfulTempo, doubtful_tempi

TOLD = ("bpm",)
SLOWEST_BPM, FASTEST_BPM = 10.0, 1000.0
COLUMNS = (
    Column("BPM", right=True),
    Column("confidence", 1, right=True),
    Column("may be", least=20),
    Column("title", 2, least=10),
    Column("file", 0, least=20, path=True),
)
paths_argument = click.argument("paths", metavar="PATH [PATH]...", nargs=-1, required=True, type=PATH)


class Times(click.ParamType[float]):
    """A factor of a tempo: ``2``, ``1/2``, ``2/3``, ``1.5``."""

    name = "times"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The factor as a number."""
        try:
            factor = float(Fraction(str(value)))
        except (ValueError, ZeroDivisionError):
            factor = 0.0
        if not 0.1 <= factor <= 10:
            self.fail(f"{value!r} is no factor such as 2, 1/2, 2/3 or 3/4", param, ctx)
        return factor


@click.group()
def tempo() -> None:
    """List tempi that are in doubt; set and lock the tempo of a track.

    What is set by hand is locked: it counts everywhere in place of what was measured, which stays stored, and no
    analysis changes it. It belongs to the sound, so that every file with the same sound has it.
    """


@tempo.command("review", short_help="List tracks whose tempo is in doubt.")
@where
@filters
@limit_option(None)
@data_option
@json_option
def review(path: str | None, limit: int | None, data: str | None, as_json: bool, **given: Any) -> None:
    """List tracks whose tempo is in doubt, the least certain first, with the other likely tempi of each.

    Of the whole library, or at or below PATH. Tracks whose tempo is locked are not in doubt. `tempo set` sets another
    one, and `tempo lock` confirms the measured one.
    """
    with library(data) as opened:
        found = doubtful_tempi(opened.tracks, query_of(opened, path, given), limit)
        if as_json:
            for each in found:
                print_json(_json(each))
            return
        with Listing(COLUMNS, "No tempo is in doubt.") as listing:
            for each in found:
                listing.add(*_cells(each))


def _json(doubtful: DoubtfulTempo) -> dict[str, Any]:
    track = doubtful.track
    return {
        "id": track.id,
        **path_fields(track.path),
        "title": track.title,
        "artist": track.artist,
        "bpm": track.results["bpm"],
        "bpm_confidence": track.results["bpm_confidence"],
        "likely": [{"times": each.times, "bpm": each.bpm, "score": each.score} for each in doubtful.others],
    }


def _cells(doubtful: DoubtfulTempo) -> tuple[str, ...]:
    results = doubtful.track.results
    others = [
        f"{each.bpm:.1f} (×{each.times}, {each.score:.0%})"
        if each.score
        else f"{each.bpm:.1f} (×{each.times})"
        for each in doubtful.others
    ]
    return (
        f"{results['bpm']:.1f}",
        f"{results['bpm_confidence']:.2f}",
        ", ".join(others),
        printable(doubtful.track.title or ""),
        printable(doubtful.track.path),
    )


@tempo.command("set", short_help="Set and lock the tempo of tracks.")
@paths_argument
@click.option("--bpm", metavar="BPM", type=Number(SLOWEST_BPM, FASTEST_BPM), help="The tempo itself.")
@click.option(
    "--times",
    metavar="FACTOR",
    type=Times(),
    help="The tempo that counts now, times 2, 1/2, 2/3, 3/2, 3/4 or 4/3.",
)
@click.option(
    "--offset",
    metavar="SECONDS",
    type=Number(0),
    help="Where the first beat is: the beats are a constant grid from there on.",
)
@data_option
@json_option
def set_tempo(
    paths: Sequence[str],
    bpm: float | None,
    times: float | None,
    offset: float | None,
    data: str | None,
    as_json: bool,
) -> None:
    """Set and lock the tempo of each track PATH, and its beats.

    Without --offset a tempo that is a multiple of the measured one (within 1 %) counts the measured beats anew: halved,
    doubled, or in thirds. Any other tempo, and every one with --offset, gives a constant grid of beats.
    """
    if bpm is None and times is None and offset is None:
        raise click.UsageError("name --bpm, --times or --offset")
    if bpm is not None and times is not None:
        raise click.UsageError("name --bpm or --times, not both")
    change_locks(
        paths, data, as_json, "set tempo", lambda counted: with_tempo(counted, bpm, times, offset), TOLD
    )


@tempo.command("lock")
@paths_argument
@data_option
@json_option
def lock(paths: Sequence[str], data: str | None, as_json: bool) -> None:
    """Lock the tempo of each track PATH as it counts now: it is right, and no analysis changes it."""
    change_locks(
        paths,
        data,
        as_json,
        "lock tempo",
        lambda counted: with_tempo(counted, None, None, counted.locks.first_beat_s),
        TOLD,
    )


@tempo.command("unlock")
@paths_argument
@data_option
@json_option
def unlock(paths: Sequence[str], data: str | None, as_json: bool) -> None:
    """Have the measured tempo and beats of each track PATH count again."""
    change_locks(paths, data, as_json, "unlock tempo", without_tempo, TOLD)
