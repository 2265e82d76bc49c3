"""``tonearm doctor``: examines the installation, and says what is wrong and what to do about it."""

from collections.abc import Sequence
from itertools import groupby

import click

from tonearm.bootstrap.doctor import examine
from tonearm.cli.options import data_option, json_option, print_json
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import (
    cell_width,
    is_terminal,
    note,
    say,
    styled,
    terminal_width,
    wrapped,
    write_line,
)
from tonearm.doctor.diagnosis import Diagnosis, Severity
from tonearm.names import printable
from tonearm.views.formatting import plural

COLUMNS = (Column("severity"), Column("id"), Column("subject"), Column("detail"), Column("remedy"))
TITLES = {
    "machine": "Machine",
    "python": "Python",
    "clock": "Clocks",
    "decoders": "Decoding and analysing",
    "sandbox": "Sandbox",
    "limits": "Limits",
    "settings": "Settings",
    "data": "Data folder",
    "postgresql": "PostgreSQL",
    "library": "Library",
    "folders": "Folders",
    "workers": "Workers",
    "rabbitmq": "RabbitMQ",
    "rabbitmq-management": "RabbitMQ's management API",
    "redis": "Redis",
    "neo4j": "Neo4j",
    "doctor": "Not examined",
}
STYLES = {Severity.FACT: "", Severity.WARNING: "yellow", Severity.ERROR: "red"}
EXIT_STATUS = {Severity.FACT: 0, Severity.WARNING: 1, Severity.ERROR: 2}
WIDEST_SUBJECT = 24


@click.command()
@data_option
@json_option
def doctor(data: str | None, as_json: bool) -> int:
    """Examine this machine, the settings, the library and the servers; say what is wrong and what to do.

    Changes nothing. The exit status is 0 where nothing is wrong, 1 for warnings, 2 for errors.
    """
    found = examine(data)
    if as_json:
        for diagnosis in found:
            print_json(diagnosis.to_json())
    elif is_terminal():
        _print(found)
    else:
        _list(found)
    return max((EXIT_STATUS[diagnosis.severity] for diagnosis in found), default=0)


def _list(found: Sequence[Diagnosis]) -> None:
    with Listing(COLUMNS) as listing:
        for each in found:
            listing.add(
                each.severity,
                each.id,
                printable(each.subject),
                printable(each.detail),
                printable(each.remedy or ""),
            )
    note(_summary(found))


def _print(found: Sequence[Diagnosis]) -> None:
    """By area: the subject, and beside it what was found; below that what to do."""
    for area, group in groupby(found, key=lambda each: each.area):
        write_line(styled(TITLES[area], "bold"))
        for each in group:
            _print_one(each)
    say(_summary(found), STYLES[max((each.severity for each in found), key=list(Severity).index)])


def _print_one(each: Diagnosis) -> None:
    subject, style = printable(each.subject), STYLES[each.severity]
    margin = " " * (WIDEST_SUBJECT + 4)
    mark = "" if each.severity is Severity.FACT else f"{each.severity}: "
    lines = list(wrapped(mark + printable(each.detail), max(30, terminal_width() - len(margin))))
    if cell_width(subject) > WIDEST_SUBJECT:
        write_line(styled(f"  {subject}", style))
    else:
        space = " " * (WIDEST_SUBJECT - cell_width(subject))
        write_line(styled(f"  {subject}{space}  {lines.pop(0)}", style))
    for line in lines:
        write_line(styled(f"{margin}{line}", style))
    for line in wrapped(printable(each.remedy or ""), max(30, terminal_width() - len(margin))):
        if line:
            write_line(f"{margin}{line}")


def _summary(found: Sequence[Diagnosis]) -> str:
    counts = {severity: sum(each.severity is severity for each in found) for severity in Severity}
    told = [
        plural(counts[severity], severity)
        for severity in (Severity.ERROR, Severity.WARNING)
        if counts[severity]
    ]
    return f"Found {' and '.join(told)}." if told else "Nothing is wrong."
