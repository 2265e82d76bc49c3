"""``list``, ``show``, ``approve``, ``reject`` and ``expire`` of ``tonearm rename`` and ``tonearm tags``."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from tonearm.bootstrap.library import Library
from tonearm.cli.audit_note import noted
from tonearm.cli.opened import library, place_of, retried
from tonearm.cli.options import (
    PATH,
    Decorated,
    Number,
    WholeNumber,
    count_option,
    data_option,
    json_option,
    limit_option,
    print_json,
)
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import say, write_line
from tonearm.errors import NotFound
from tonearm.library.proposal import Proposal, ProposalKind, ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.names import printable
from tonearm.views.formatting import plural
from tonearm.views.proposals import proposal_json, selection_json

COLUMNS = (
    Column("id", right=True),
    Column("status", 2),
    Column("sure", 1, right=True),
    Column("conflicts", 0),
    Column("warnings", 4),
    Column("file", 3, least=20, path=True),
    Column("proposed", least=20, path=True),
)
FILTERS = (
    click.option("--batch", metavar="N", type=WholeNumber(1), help="Only those of this batch."),
    click.option(
        "--status",
        "statuses",
        metavar="STATUS",
        multiple=True,
        type=click.Choice([status.value for status in ProposalStatus]),
        help="Only those in this state; repeatable.",
    ),
    click.option("--below", metavar="PATH", type=PATH, help="Only files at or below this path."),
    click.option("--sure", metavar="LEAST", type=Number(0, 1), help="Only with at least this confidence."),
    click.option("--unsure", metavar="MOST", type=Number(0, 1), help="Only with at most this confidence."),
    click.option("--conflicts/--no-conflicts", default=None, help="Only those with, or without, conflicts."),
)


DECISIONS = (
    (
        "approve",
        ProposalStatus.APPROVED,
        "Approve proposals, by number or filter.",
        (
            "Approve proposals, by number or filter; what goes along with a track is approved with it. "
            "Those with conflicts are left out. No file is changed."
        ),
    ),
    (
        "reject",
        ProposalStatus.REJECTED,
        "Reject proposals, by number or filter.",
        "Reject proposals, by number or filter; what goes along with a track is rejected with it.",
    ),
    (
        "expire",
        ProposalStatus.EXPIRED,
        "Close proposals that nobody is to decide on.",
        "Have proposals expire, by number or filter: they can't be decided on any more.",
    ),
)
"""The commands that decide: name, state, and what they say of themselves."""


def filters(command: Decorated) -> Decorated:
    """The options that select proposals."""
    for option in reversed(FILTERS):
        command = option(command)
    return command


def _selection(opened: Library, kind: ProposalKind, ids: Sequence[int], given: dict[str, Any]) -> Selection:
    """What ids and options select. Raises NotFound."""
    Proposals(opened.database).require(given["batch"])
    place = place_of(opened, given["below"])
    return Selection(
        ids=tuple(ids),
        batch=given["batch"],
        statuses=tuple(ProposalStatus(each) for each in given["statuses"]),
        below=None if place is None else place.path,
        least=given["sure"],
        most=given["unsure"],
        conflicted=given["conflicts"],
        kind=kind,
    )


def review_commands(kind: ProposalKind) -> list[click.Command]:
    """The commands that list proposals of a kind, and decide on them."""
    return [_listing(kind), _showing(kind), *(_deciding(kind, *each) for each in DECISIONS)]


def _listing(kind: ProposalKind) -> click.Command:
    @click.command("list")
    @filters
    @click.option(
        "--after", metavar="ID", type=WholeNumber(), default=0, help="Only those that follow this one."
    )
    @limit_option(None)
    @count_option
    @data_option
    @json_option
    def list_proposals(
        after: int, limit: int | None, only_count: bool, data: str | None, as_json: bool, **given: Any
    ) -> None:
        """List proposals in the order of their numbers."""
        with library(data) as opened:
            wanted = _selection(opened, kind, (), given)
            proposals = Proposals(opened.database)
            if only_count:
                _print_counts(proposals.count(wanted), as_json)
                return
            found = proposals.page(wanted, after, limit) if limit else proposals.each(wanted, after)
            if as_json:
                for proposal in found:
                    print_json(proposal_json(proposal))
                return
            with Listing(COLUMNS, "No such proposals.") as listing:
                for proposal in found:
                    listing.add(*_cells(proposal))

    return list_proposals


def _print_counts(counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        print_json(counts)
        return
    for status in ProposalStatus:
        if status in counts:
            write_line(f"{counts[status]:,} {status}")


def _cells(proposal: Proposal) -> tuple[str, ...]:
    codes = [each.code for each in proposal.conflicts]
    return (
        str(proposal.id),
        proposal.status,
        f"{proposal.confidence:.2f}",
        ", ".join(codes if proposal.refusal is None else [*codes, proposal.refusal]),
        ", ".join(dict.fromkeys(each["code"] for each in proposal.warnings)),
        printable(proposal.source),
        "; ".join(_proposed(proposal)) or "–",
    )


def _proposed(proposal: Proposal) -> list[str]:
    """What is proposed: the path, or what becomes of each tag."""
    if proposal.kind is ProposalKind.RENAME:
        return [] if proposal.target is None else [printable(proposal.target)]
    return [
        printable(f"{each['name']}: {', '.join(each['before']) or '–'} -> {', '.join(each['after']) or '–'}")
        for each in proposal.changes
    ]


def _showing(kind: ProposalKind) -> click.Command:
    @click.command("show", short_help="Show one proposal in full.")
    @click.argument("number", metavar="ID", type=WholeNumber())
    @data_option
    @json_option
    def show(number: int, data: str | None, as_json: bool) -> None:
        """Show one proposal: what is proposed, what each field costs, its conflicts and warnings."""
        with library(data) as opened:
            found = Proposals(opened.database).page(Selection(ids=(number,), kind=kind), 0, 1)
        if not found:
            raise NotFound(f"there is no proposal {number}")
        if as_json:
            print_json(proposal_json(found[0]))
        else:
            _print(found[0])

    return show


def _print(proposal: Proposal) -> None:
    write_line(f"file        {printable(proposal.source)}")
    for line in _proposed(proposal) or ["–"]:
        write_line(f"proposed    {line}")
    write_line(f"status      {proposal.status}, batch {proposal.batch}")
    write_line(f"confidence  {proposal.confidence:.2f}")
    for cost in proposal.costs:
        say(f"{cost['field']}: {cost['reason']}, costs {cost['cost']:g}", indent=12)
    for conflict in proposal.conflicts:
        write_line(f"conflict    {conflict.code}: {printable(conflict.path)}")
    for warning in proposal.warnings:
        write_line(
            f"warning     {warning['code']}{': ' if warning['detail'] else ''}{printable(warning['detail'])}"
        )
    if proposal.refusal is not None:
        write_line(f"refused     {proposal.refusal}")


def _deciding(kind: ProposalKind, name: str, status: ProposalStatus, short: str, text: str) -> click.Command:
    """A command that gives proposals a state."""

    def decide(ids: Sequence[int], everything: bool, data: str | None, as_json: bool, **given: Any) -> None:
        filtered = any(value not in (None, ()) for value in given.values())
        if not ids and not everything and not filtered:
            raise click.UsageError("name proposals by their numbers, or filter them, or --all")
        with library(data) as opened:
            wanted = _selection(opened, kind, ids, given)
            changed = retried(lambda: Proposals(opened.database).decide(wanted, status))
            noted(opened, f"{name} proposals", selection_json(wanted), changed)
        if as_json:
            print_json({status.value: changed})
        else:
            say(f"{plural(changed, 'proposal')} {status}.")

    decide.__doc__ = text
    command: Callable[..., Any] = decide
    for decorate in (
        json_option,
        data_option,
        click.option("--all", "everything", is_flag=True, help="Every proposal that can be decided on."),
        filters,
        click.argument("ids", metavar="[ID]...", nargs=-1, type=WholeNumber()),
    ):
        command = decorate(command)
    return click.command(name, short_help=short)(command)
