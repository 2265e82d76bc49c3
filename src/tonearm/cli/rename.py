"""``tonearm rename``: proposes names, and gives files those that are approved."""

import os
from collections.abc import Sequence

import click

from tonearm.bootstrap.library import Library
from tonearm.bootstrap.renaming import planner, settle_if_free
from tonearm.cli import INTERRUPTED
from tonearm.cli.opened import library, place_of
from tonearm.cli.options import PATH, data_option, json_option, print_json
from tonearm.cli.rename_apply import apply, undo
from tonearm.cli.review import review_commands
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import say, write_line
from tonearm.errors import ConfigurationError, NotFound
from tonearm.events.event import Event
from tonearm.events.renames import RenamesRecovered
from tonearm.events.report import report
from tonearm.library.canonical import canonical
from tonearm.library.proposal import ProposalKind
from tonearm.library.roots import Place
from tonearm.names import PathMap, path_fields, printable
from tonearm.naming.fields import fields as all_fields
from tonearm.naming.functions import FUNCTIONS
from tonearm.naming.name_rules import NameRules
from tonearm.naming.planner import Mode, Plan
from tonearm.naming.presets import PRESETS
from tonearm.naming.proposing import Namer
from tonearm.naming.rules import Chooser, always, by_rules, template_of
from tonearm.naming.template import TemplateError
from tonearm.views.formatting import plural
from tonearm.views.renamable import count_left_out
from tonearm.views.tracks import TrackQuery
from tonearm.worker.signals import StopSwitch

FIELD_COLUMNS = (
    Column("field"),
    Column("type", 1),
    Column("of", 2),
    Column("unit", 3),
    Column("meaning", least=20),
)


@click.group()
def rename() -> None:
    """Propose names for files, decide on them, and rename.

    `plan` writes proposals and changes no file; `approve` and `reject` decide; `apply` renames what is approved;
    `undo` gives files their old names again.
    """


@rename.command("fields")
@json_option
def fields(as_json: bool) -> None:
    """List the fields, functions and presets of templates."""
    if as_json:
        for field in all_fields().values():
            print_json(
                {
                    "field": field.name,
                    "type": field.type.__name__,
                    "source": field.source,
                    "unit": field.unit,
                    "description": field.description,
                    "certainty": field.certainty,
                }
            )
        return
    with Listing(FIELD_COLUMNS) as listing:
        for field in all_fields().values():
            listing.add(field.name, field.type.__name__, field.source, field.unit, field.description)
    write_line()
    with Listing((Column("function"), Column("gives", least=20))) as listing:
        for name, function in FUNCTIONS.items():
            listing.add(name, function.description.replace("`", ""))
    write_line()
    with Listing((Column("preset"), Column("template"), Column("gives", 1, least=20))) as listing:
        for name, preset in PRESETS.items():
            listing.add(name, preset.template, preset.description)


@rename.command("try", short_help="Show what a template makes of one file.")
@click.argument("template", metavar="TEMPLATE")
@click.argument("path", metavar="FILE", type=PATH)
@data_option
@json_option
def try_template(template: str, path: str, data: str | None, as_json: bool) -> None:
    """Show what a template makes of one file, with what each field costs. Nothing is written."""
    try:
        parsed = template_of(template, None)
    except TemplateError as error:
        raise _pointed(error) from error
    with library(data) as opened:
        place = place_of(opened, path)
        tracks = list(opened.tracks.each(TrackQuery(place=place), 2))
    if len(tracks) != 1:
        raise NotFound(f"{printable(path)}: not one file of the library")
    made = Namer(parsed).propose(tracks[0], NameRules())
    if as_json:
        print_json(
            {
                **path_fields(tracks[0].path),
                **({"name": None} if made.path is None else path_fields(made.path, "name")),
                "confidence": made.confidence,
                "costs": made.cost_rows(),
                "conflicts": [{"code": each.code} for each in made.conflicts],
                "warnings": list(made.warnings),
            }
        )
    else:
        write_line("no name" if made.path is None else printable(made.path))
        say(f"confidence {made.confidence:.2f}")
        for cost in made.costs:
            say(f"{cost.field}: {cost.reason}, costs {cost.cost:g}", indent=2)
        for conflict in made.conflicts:
            say(f"conflict: {conflict.code}", "red", indent=2)
    raise click.exceptions.Exit(1 if made.path is None else 0)


@rename.command("plan", short_help="Propose names for files; no file is changed.")
@click.argument("paths", metavar="PATH [PATH]...", nargs=-1, required=True, type=PATH)
@click.option("--template", metavar="TEMPLATE", help="The template; without it, the setting rename_rules.")
@click.option("--preset", metavar="NAME", help=f"A template with a name: {', '.join(PRESETS)}.")
@click.option("--to", "destination", metavar="FOLDER", type=PATH, help="The folder that files are moved to.")
@click.option("--move", "moves", is_flag=True, help="Move files below the destination, or their root.")
@click.option("--in-place", "in_place", is_flag=True, help="Change the names only, not the folders.")
@data_option
@json_option
def plan(
    paths: Sequence[str],
    template: str | None,
    preset: str | None,
    destination: str | None,
    moves: bool,
    in_place: bool,
    data: str | None,
    as_json: bool,
) -> None:
    """Propose names for the files at or below each PATH, and simulate the whole batch. No file is changed.

    A template with folders moves files below the folder that was analysed, or that of --to; one without them renames
    files where they are.
    """
    if template is not None and preset is not None:
        raise click.UsageError("give a template or a preset")
    if moves and in_place:
        raise click.UsageError("--move and --in-place contradict each other")
    if in_place and destination is not None:
        raise click.UsageError("--to moves files, and --in-place does not")
    mode = Mode.MOVE if moves else Mode.IN_PLACE if in_place else Mode.AS_TEMPLATE
    stop = StopSwitch()
    with library(data) as opened, stop.on_signals():
        chooser = _chooser(opened, template, preset)
        places = [place for path in paths if (place := place_of(opened, path)) is not None]
        settle_if_free(opened, _say_recovered)
        left_out = count_left_out(opened.database, places)
        made = planner(opened, chooser.fields, lambda: stop.requests > 0).plan(
            places, chooser, mode, _destination(opened, destination)
        )
    _print_plan(made, left_out, as_json)
    if made.interrupted:
        raise click.exceptions.Exit(INTERRUPTED)


def _chooser(opened: Library, template: str | None, preset: str | None) -> Chooser:
    """What chooses templates. Raises click.UsageError and ConfigurationError."""
    if template is None and preset is None:
        if not opened.settings.rename_rules:
            raise click.UsageError(
                f"give --template, or --preset with one of {', '.join(PRESETS)}, or the setting rename_rules"
            )
        return by_rules(opened.settings.rename_rules)
    try:
        return always(template_of(template, preset))
    except TemplateError as error:
        raise _pointed(error) from error


def _pointed(error: TemplateError) -> ConfigurationError:
    """The same error, with the template below it and a mark at the mistake."""
    mark = " " * error.position + "^"
    return ConfigurationError(
        f"template, character {error.position + 1}: {error.reason}\n  {printable(error.source)}\n  {mark}"
    )


def _destination(opened: Library, path: str | None) -> Place | None:
    """The folder of --to: below a known root or one that becomes a root when files come there."""
    if path is None:
        return None
    given = os.fsencode(path)
    if not os.path.isdir(given):
        raise NotFound(f"{printable(path)}: no such folder; make it first")
    here = canonical(given)
    known = PathMap(opened.settings.path_map).known(here)
    return opened.roots.locate(here, is_canonical=True) or Place(0, known, b"", here=here)


def _say_recovered(event: Event) -> None:
    if isinstance(event, RenamesRecovered):
        report(f"renames that were interrupted: {event.finished} finished, {event.taken_back} taken back")


def _print_plan(plan: Plan, left_out: int, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "batch": plan.batch,
                "proposals": plan.files,
                "along": plan.along,
                "conflicted": plan.conflicted,
                "unchanged": plan.unchanged,
                "kept": plan.kept,
                "emptied_folders": plan.emptied,
                "left_out": left_out,
                "interrupted": plan.interrupted,
            }
        )
        return
    along = (
        f", {plural(plan.along, 'file')} that {'goes' if plan.along == 1 else 'go'} along"
        if plan.along
        else ""
    )
    say(f"Batch {plan.batch}: {plural(plan.files, 'proposal')}{along}; {plan.conflicted:,} with conflicts.")
    if plan.unchanged:
        say(f"{plural(plan.unchanged, 'file')} already named so.")
    if plan.kept:
        say(f"{plural(plan.kept, 'file')} without a rule that gives a name.")
    if plan.emptied:
        say(f"{plural(plan.emptied, 'folder')} would become empty, and be removed.")
    if left_out:
        say(f"{plural(left_out, 'file')} that scans leave out, by a pattern or an ignore file.")
    if plan.interrupted:
        say("Stopped before every file was looked at: nothing of this batch can be approved.")
    elif plan.files:
        say(f"`tonearm rename list --batch {plan.batch}` lists them; `tonearm rename approve` decides.")


for command in (*review_commands(ProposalKind.RENAME), apply, undo):
    rename.add_command(command)
