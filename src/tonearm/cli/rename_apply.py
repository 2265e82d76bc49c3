"""``tonearm rename apply`` and ``tonearm rename undo``."""

import os
from collections.abc import Callable
from typing import Any, Protocol

import click

from tonearm.bootstrap.library import Library, open_library
from tonearm.bootstrap.renaming import apply_approved, undo_applied
from tonearm.cli import INTERRUPTED
from tonearm.cli.audit_note import noted
from tonearm.cli.json_events import show_json
from tonearm.cli.library_settings import existing_library
from tonearm.cli.logged import logged
from tonearm.cli.options import WholeNumber, data_option, json_option
from tonearm.cli.standard_output import while_read
from tonearm.cli.terminal import is_terminal, say, write_line
from tonearm.errors import NotFound
from tonearm.events.bus import EventBus
from tonearm.events.event import Announce, Event
from tonearm.events.renames import (
    FileRenamed,
    RenameRefused,
    RenamesRecovered,
    RenamingFinished,
    RenamingProgress,
)
from tonearm.library.canonical import canonical
from tonearm.library.proposal import ProposalKind, ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.names import PathMap, printable
from tonearm.naming.recovery import Recovered
from tonearm.naming.renamer import Outcome
from tonearm.naming.requests import of_file
from tonearm.views.formatting import between, plural
from tonearm.worker.signals import StopSwitch

SOME_REFUSED = 1
Stopping = Callable[[], bool]


class Ended(Protocol):
    """How it ended: the codes of the refused files by proposal, and whether a person stopped it."""

    @property
    def changed(self) -> int:
        """Number of files that were changed."""

    refused: dict[int, str]
    interrupted: bool


Work = Callable[[Library, Announce, Stopping], tuple[Ended, Recovered]]


@click.command("apply")
@click.option("--batch", metavar="N", type=WholeNumber(1), help="Only what is approved of this batch.")
@data_option
@json_option
def apply(batch: int | None, data: str | None, as_json: bool) -> None:
    """Rename the files whose proposals are approved. Nothing is overwritten.

    Ctrl-C stops between two files; the rest stays approved. What a kill interrupts is finished or taken back by the
    next call of `rename` or `analyze`.

    \b
    Exit status:
      0    every file was renamed
      1    some were refused: `tonearm rename list` says why
      2    wrong usage, or the library is in use
      130  stopped with files left
    """

    def renamed(opened: Library, announce: Announce, stopping: Stopping) -> tuple[Outcome, Recovered]:
        Proposals(opened.database).require(batch)
        return apply_approved(opened, batch, announce, stopping)

    carry_out(data, as_json, "tonearm-rename", renamed, _print_lines, "rename files", {"batch": batch})


@click.command("undo", short_help="Give files their old names again.")
@click.argument("what", metavar="[BATCH|FILE]", required=False)
@data_option
@json_option
def undo(what: str | None, data: str | None, as_json: bool) -> None:
    """Give files their old names again: of the latest batch, of a BATCH by its number, or one FILE.

    Files that were edited or renamed since go back too; one whose old name is taken is refused, and that is said.
    """

    def undone(opened: Library, announce: Announce, stopping: Stopping) -> tuple[Outcome, Recovered]:
        wanted = _to_undo(opened, Proposals(opened.database), what)
        return undo_applied(opened, wanted, announce, stopping)

    about = {"what": None if what is None else printable(what)}
    carry_out(data, as_json, "tonearm-rename", undone, _print_lines, "undo renames", about)


def _to_undo(opened: Library, proposals: Proposals, what: str | None) -> Selection:
    """The applied proposals that are meant. Raises NotFound."""
    batch = batch_to_undo(proposals, what, ProposalKind.RENAME)
    if batch is not None:
        return batch
    if what is None:
        raise NotFound("nothing was renamed that could be undone")
    path = PathMap(opened.settings.path_map).known(canonical(os.fsencode(what)))
    found = of_file(proposals, path)
    if found is None:
        raise NotFound(f"{printable(what)}: it has not got this name by `rename apply`")
    return found


def batch_to_undo(proposals: Proposals, what: str | None, kind: ProposalKind) -> Selection | None:
    """What was applied of the latest batch, or of one by its number; ``None`` for a file, or where there is none.

    Raises NotFound where there is no batch of that number.
    """
    applied = (ProposalStatus.APPLIED,)
    if what is None:
        latest = proposals.latest_batch(ProposalStatus.APPLIED, kind)
        return None if latest is None else Selection(batch=latest, statuses=applied, kind=kind)
    if what.isdecimal() and not os.path.lexists(what):
        proposals.require(int(what))
        return Selection(batch=int(what), statuses=applied, kind=kind)
    return None


def carry_out(
    data: str | None,
    as_json: bool,
    program: str,
    work: Work,
    print_lines: Callable[[Event], None],
    action: str,
    about: dict[str, Any],
) -> None:
    """Change files, tell what becomes of them, and exit.

    program: the name of the command in its log. action, about: what is noted in the audit.
    """
    settings = existing_library(data)
    stop = StopSwitch()
    bar = not as_json and is_terminal()
    with logged(settings, program, bar) as log, stop.on_signals():
        bus = EventBus()
        log.join(bus)
        bus.subscribe(while_read(show_json if as_json else print_lines, stop), "the output")
        with open_library(settings) as opened:
            outcome, recovered = work(opened, bus, lambda: stop.requests > 0)
            noted(opened, action, about, outcome.changed)
        _say_left(recovered)
        bus.close()
    if outcome.interrupted:
        raise click.exceptions.Exit(INTERRUPTED)
    raise click.exceptions.Exit(SOME_REFUSED if outcome.refused else 0)


def _say_left(recovered: Recovered) -> None:
    for path in recovered.left:
        say(
            f"{printable(path)}: what an earlier call began can't be settled yet; "
            "see that its disk is there and that nothing has its old and its new name"
        )


def _print_lines(event: Event) -> None:
    """Print a fact as a line for people; progress on a terminal only."""
    match event:
        case FileRenamed():
            write_line(f"{printable(event.from_path)} -> {printable(event.path)}")
        case RenameRefused():
            write_line(f"{printable(event.path)}: refused, {event.code}: {printable(event.at)}")
        case RenamingProgress() if is_terminal():
            left = between(event.eta_s, event.eta_s)
            say(f"{event.done:,} of {event.files:,}, {left} to go", "dim")
        case RenamesRecovered():
            say(
                f"Renames that were interrupted: {event.finished:,} finished, {event.taken_back:,} taken back."
            )
        case RenamingFinished():
            again = "has its old name again" if event.renamed == 1 else "have their old names again"
            done = again if event.is_undo else "renamed"
            say(f"{plural(event.renamed, 'file')} {done}, {event.refused:,} refused.")
            if event.interrupted:
                say("Stopped; the same call continues.")
