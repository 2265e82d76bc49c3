"""``tonearm tags``: proposes to write results into tags, and writes what is approved."""

from collections.abc import Sequence

import click

from tonearm.bootstrap.library import Library
from tonearm.bootstrap.renaming import settle_if_free
from tonearm.bootstrap.tagging import tag_planner, undo_written, write_approved
from tonearm.cli import INTERRUPTED
from tonearm.cli.opened import library, place_of
from tonearm.cli.options import PATH, WholeNumber, data_option, json_option, print_json
from tonearm.cli.rename_apply import Stopping, batch_to_undo, carry_out
from tonearm.cli.review import review_commands
from tonearm.cli.terminal import say, write_line
from tonearm.errors import NotFound
from tonearm.events.event import Announce, Event
from tonearm.events.renames import RenamesRecovered
from tonearm.events.report import report
from tonearm.events.tags import TaggingFinished, TagsRefused, TagsWritten
from tonearm.library.proposal import ProposalKind, ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.names import printable
from tonearm.naming.recovery import Recovered
from tonearm.naming.template import TemplateError
from tonearm.tagging.fields import FIELDS, MOST_TEXT, TEXTS, USUAL
from tonearm.tagging.path_pattern import PathPattern
from tonearm.tagging.planner import Plan, Wanted
from tonearm.tagging.tagger import TagOutcome
from tonearm.views.formatting import plural
from tonearm.views.renamable import count_left_out
from tonearm.views.tracks import TrackQuery
from tonearm.worker.signals import StopSwitch

TAGS = ProposalKind.TAGS


@click.group()
def tags() -> None:
    """Propose to write results into the tags of files, decide, and write.

    `plan` writes proposals and changes no file; `approve` and `reject` decide; `apply` writes what is approved;
    `undo` gives files their old tags again.
    """


@tags.command("plan", short_help="Propose what to write into tags; no file is changed.")
@click.argument("paths", metavar="PATH [PATH]...", nargs=-1, required=True, type=PATH)
@click.option(
    "--write",
    "fields",
    metavar="FIELD",
    multiple=True,
    type=click.Choice(tuple(FIELDS)),
    help=f"What to write: {', '.join(FIELDS)}; repeatable. By default {', '.join(USUAL)}.",
)
@click.option(
    "--set",
    "texts",
    metavar="FIELD=TEXT",
    multiple=True,
    help=f"A text that the files are to have: {', '.join(TEXTS)}; repeatable. Without TEXT the tag is removed.",
)
@click.option(
    "--from-path",
    "pattern",
    metavar="PATTERN",
    help='Texts that are read from paths: "{artist}/{album}/{any} - {title}".',
)
@click.option("--only-missing", is_flag=True, help="With --from-path: only tags that a file does not have.")
@data_option
@json_option
def plan(
    paths: Sequence[str],
    fields: Sequence[str],
    texts: Sequence[str],
    pattern: str | None,
    only_missing: bool,
    data: str | None,
    as_json: bool,
) -> None:
    """Propose what to write into the tags of the files at or below each PATH. No file is changed.

    The gain of an album is that of all its files, also of those that are at none of the PATHs, as soon as all of them
    are measured. With --set or --from-path, results are proposed only if --write names them.
    """
    if only_missing and pattern is None:
        raise click.UsageError("--only-missing is for --from-path")
    given = _texts(texts)
    usual = () if given or pattern is not None else USUAL
    wanted = Wanted(fields or usual, given, _pattern(pattern), only_missing)
    stop = StopSwitch()
    with library(data) as opened, stop.on_signals():
        places = [place for path in paths if (place := place_of(opened, path)) is not None]
        settle_if_free(opened, _say_recovered)
        left_out = count_left_out(opened.database, places)
        made = tag_planner(opened, lambda: stop.requests > 0).plan(places, wanted)
    _print_plan(made, left_out, as_json)
    if made.interrupted:
        raise click.exceptions.Exit(INTERRUPTED)


def _pattern(given: str | None) -> PathPattern | None:
    """Raises BadParameter."""
    try:
        return None if given is None else PathPattern(given)
    except TemplateError as error:
        raise click.BadParameter(
            f"{printable(given or '')}: {error.reason}", param_hint="--from-path"
        ) from error


def _texts(given: Sequence[str]) -> dict[str, str]:
    """The texts by their fields. Raises BadParameter."""
    found = {}
    for each in given:
        field, is_given, text = each.partition("=")
        if field not in TEXTS or not is_given:
            raise click.BadParameter(
                f"{printable(each)}: FIELD=TEXT is needed, FIELD one of {', '.join(TEXTS)}",
                param_hint="--set",
            )
        if len(text) > MOST_TEXT or not text.isprintable():
            raise click.BadParameter(
                f"{field}: {MOST_TEXT:,} printable characters at most", param_hint="--set"
            )
        found[field] = text
    return found


def _say_recovered(event: Event) -> None:
    if isinstance(event, RenamesRecovered):
        report(f"changes that were interrupted: {event.finished} finished, {event.taken_back} taken back")


def _print_plan(plan: Plan, left_out: int, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "batch": plan.batch,
                "proposals": plan.files,
                "conflicted": plan.conflicted,
                "unchanged": plan.unchanged,
                "unknown": plan.unknown,
                "left_out": left_out,
                "interrupted": plan.interrupted,
            }
        )
        return
    say(f"Batch {plan.batch}: {plural(plan.files, 'proposal')}; {plan.conflicted:,} with conflicts.")
    if plan.unchanged:
        say(f"{plural(plan.unchanged, 'file')} whose tags say it already.")
    if plan.unknown:
        say(f"{plural(plan.unknown, 'file')} without anything to write.")
    if left_out:
        say(f"{plural(left_out, 'file')} that scans leave out, by a pattern or an ignore file.")
    if plan.interrupted:
        say("Stopped before every file was looked at: nothing of this batch can be approved.")
    elif plan.files:
        say(f"`tonearm tags list --batch {plan.batch}` lists them; `tonearm tags approve` decides.")


@tags.command("apply")
@click.option("--batch", metavar="N", type=WholeNumber(1), help="Only what is approved of this batch.")
@click.option("--keep-mtime", is_flag=True, help="Keep the times of modification of the files.")
@data_option
@json_option
def apply(batch: int | None, keep_mtime: bool, data: str | None, as_json: bool) -> None:
    """Write the tags whose proposals are approved. Everything else in the files stays.

    Ctrl-C stops between two files, or during the copy of one; the rest stays approved.

    \b
    Exit status:
      0    every file was written
      1    some were refused: `tonearm tags list` says why
      2    wrong usage, or the library is in use
      130  stopped with files left
    """

    def written(opened: Library, announce: Announce, stopping: Stopping) -> tuple[TagOutcome, Recovered]:
        Proposals(opened.database).require(batch)
        return write_approved(opened, batch, keep_mtime, announce, stopping)

    carry_out(data, as_json, "tonearm-tags", written, _print_lines, "write tags", {"batch": batch})


@tags.command("undo", short_help="Give files their old tags again.")
@click.argument("what", metavar="[BATCH|FILE]", required=False)
@click.option("--keep-mtime", is_flag=True, help="Keep the times of modification of the files.")
@data_option
@json_option
def undo(what: str | None, keep_mtime: bool, data: str | None, as_json: bool) -> None:
    """Give files their old tags again: of the latest batch, of a BATCH by its number, or one FILE.

    A file that nobody has changed since gets the bytes that it had. In one that was edited since, only the tags that
    were written get their old texts, and that is said.
    """

    def undone(opened: Library, announce: Announce, stopping: Stopping) -> tuple[TagOutcome, Recovered]:
        wanted = _to_undo(opened, Proposals(opened.database), what)
        return undo_written(opened, wanted, keep_mtime, announce, stopping)

    about = {"what": None if what is None else printable(what)}
    carry_out(data, as_json, "tonearm-tags", undone, _print_lines, "undo tags", about)


def _to_undo(opened: Library, proposals: Proposals, what: str | None) -> Selection:
    """The applied proposals that are meant. Raises NotFound."""
    batch = batch_to_undo(proposals, what, TAGS)
    if batch is not None:
        return batch
    if what is None:
        raise NotFound("no tags were written that could be undone")
    tracks = list(opened.tracks.each(TrackQuery(place=place_of(opened, what)), 2))
    applied = (ProposalStatus.APPLIED,)
    found = (
        list(proposals.each(Selection(file=tracks[0].id, statuses=applied, kind=TAGS)))
        if len(tracks) == 1
        else []
    )
    if not found:
        raise NotFound(f"{printable(what)}: `tags apply` has written nothing into it")
    return Selection(ids=(found[-1].id,), statuses=applied, kind=TAGS)


def _print_lines(event: Event) -> None:
    """Print a fact as a line for people."""
    match event:
        case TagsWritten():
            texts = "; ".join(f"{name}: {', '.join(said) or '–'}" for name, said in event.texts.items())
            since = " (it was edited since; only these were restored)" if event.edited else ""
            write_line(f"{printable(event.path)}: {printable(texts)}{since}")
        case TagsRefused():
            write_line(f"{printable(event.path)}: refused, {event.code}")
        case RenamesRecovered():
            say(
                f"Changes that were interrupted: {event.finished:,} finished, {event.taken_back:,} taken back."
            )
        case TaggingFinished():
            again = "has its old tags again" if event.written == 1 else "have their old tags again"
            done = again if event.is_undo else "written"
            say(f"{plural(event.written, 'file')} {done}, {event.refused:,} refused.")
            if event.interrupted:
                say("Stopped; the same call continues.")


for command in review_commands(TAGS):
    tags.add_command(command)
