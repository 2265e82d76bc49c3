"""``tonearm key``: sets, locks and unlocks the keys of tracks."""

from collections.abc import Sequence

import click

from tonearm.cli.options import PATH, data_option, json_option
from tonearm.cli.value_locks import change_locks
from tonearm.graph.key_names import named_camelot
from tonearm.library.value_locks import with_key, without_key

TOLD = ("key", "camelot")
paths_argument = click.argument("paths", metavar="PATH [PATH]...", nargs=-1, required=True, type=PATH)


@click.group()
def key() -> None:
    """Set and lock the key of a track.

    What is set by hand is locked: it counts everywhere in place of what was measured, which stays stored, and no
    analysis changes it. It belongs to the sound, so that every file with the same sound has it.
    """


@key.command("set")
@click.argument("paths", metavar="PATH [PATH]...", nargs=-1, required=True, type=PATH)
@click.argument("name", metavar="KEY")
@data_option
@json_option
def set_key(paths: Sequence[str], name: str, data: str | None, as_json: bool) -> None:
    """Set and lock the key of each track PATH: KEY, such as "A minor", Am, 8A or 1m."""
    try:
        camelot = named_camelot(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    change_locks(paths, data, as_json, "set key", lambda counted: with_key(counted, camelot), TOLD)


@key.command("lock")
@paths_argument
@data_option
@json_option
def lock(paths: Sequence[str], data: str | None, as_json: bool) -> None:
    """Lock the key of each track PATH as it counts now: it is right, and no analysis changes it."""
    change_locks(paths, data, as_json, "lock key", lambda counted: with_key(counted, None), TOLD)


@key.command("unlock")
@paths_argument
@data_option
@json_option
def unlock(paths: Sequence[str], data: str | None, as_json: bool) -> None:
    """Use the measured key of each track PATH again."""
    change_locks(paths, data, as_json, "unlock key", without_key, TOLD)
